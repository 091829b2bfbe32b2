#!/bin/bash
# The claims of a release on a Slurm cluster: a job for each GPU architecture, inside the release's container, and one
# that merges what they found.
#   TRITON_IMAGE=... bash recipes/slurm.sh    in the project's folder, on a machine that has sbatch
# TRITON_IMAGE is the image as enroot names it; the cluster names its GPUs by constraint.
set -euo pipefail

release=${RELEASE:-25.01}
architectures=${ARCHITECTURES:-"hopper blackwell"}

submit() {
    : "${TRITON_IMAGE:?TRITON_IMAGE names the image}"
    local folder after="" number
    folder="reports/slurm-$(date -u +%Y%m%dT%H%M%SZ)"
    # One after the other, whatever came of the one before: they share .venv.
    for gpu in $architectures; do
        number=$(sbatch --parsable --job-name="triton-claims-$gpu" --time=04:00:00 --nodes=1 --gpus-per-node=1 \
            --constraint="$gpu" --output=triton-claims-%j.log ${after:+--dependency=afterany:$after} \
            recipes/slurm.sh shard "$folder" "$gpu")
        after=${number%%;*}
    done
    sbatch --job-name=triton-claims-merge --time=00:30:00 --nodes=1 --output=triton-claims-%j.log \
        --dependency="afterany:$after" recipes/slurm.sh merge "$folder"
}

shard() {
    srun --container-image="$TRITON_IMAGE" --container-mounts="$PWD:$PWD" --container-workdir="$PWD" \
        make check ARGS="--release $release --target install:/opt/tritonserver --gpu $2 -k $2 --reports $1/shard-$2"
}

merge() {
    local shards=() code=0
    for gpu in $architectures; do
        if [ -e "$1/shard-$gpu/ledger.jsonl" ]; then
            shards+=("$1/shard-$gpu")
        else
            echo "the shard $gpu has left no ledger: see the log of its job" >&2
            code=1
        fi
    done
    SKIP_HOST_CHECK=1 sh scripts/set-up
    .venv/bin/triton-claims merge "${shards[@]}" -o "$1/whole" || code=$?
    exit "$code"
}

"${1:-submit}" "${@:2}"
