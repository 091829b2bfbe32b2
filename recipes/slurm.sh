#!/bin/bash
# The claims of a release on a Slurm cluster, one task for each GPU architecture, inside the release's container.
#   TRITON_IMAGE=... sbatch recipes/slurm.sh
# TRITON_IMAGE is the image as enroot names it, and the cluster names its GPUs by constraint.
#SBATCH --job-name=triton-claims
#SBATCH --time=04:00:00
#SBATCH --nodes=1
#SBATCH --gpus-per-node=1
#SBATCH --output=triton-claims-%j.log
set -euo pipefail

release=${RELEASE:-25.01}
architectures=${ARCHITECTURES:-"hopper blackwell"}
image=${TRITON_IMAGE:?TRITON_IMAGE names the image}
project=${SLURM_SUBMIT_DIR:?this is for sbatch}
shards=()

cd "$project"
for gpu in $architectures; do
    shards+=("reports/shard-$gpu")
    # A failing shard must not keep the others from running: merge tells of all.
    srun --constraint="$gpu" --gpus=1 \
        --container-image="$image" --container-mounts="$project:$project" --container-workdir="$project" \
        make check ARGS="--release $release --target install:/opt/tritonserver --gpu $gpu -k $gpu --reports reports/shard-$gpu" ||
        echo "the shard $gpu ended with $?" >&2
done
SKIP_HOST_CHECK=1 sh scripts/set-up
.venv/bin/triton-claims merge "${shards[@]}" -o "reports/whole-$SLURM_JOB_ID"
