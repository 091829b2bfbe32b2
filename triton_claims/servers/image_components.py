"""The components of a release's images, and where these tell their versions.

The variables and labels are those that NVIDIA's images of CUDA and of deep learning set; the paths
are those of the server's build file.
"""

from __future__ import annotations

from triton_claims.servers.image_versions import Component

_BACKENDS = "/opt/tritonserver/backends"
_DALI = f"{_BACKENDS}/dali/wheel/dali"
_PKGCONFIG_VERSION = r"^Version: (\S+)$"

UBUNTU = Component("Ubuntu", texts=(("/etc/os-release", r'^VERSION_ID="?([\d.]+)'),))
PYTHON = Component("Python", packages=("python3", "python3-minimal"))
#: Of ``12.8.20250117`` the first two parts: the third one is a day, which is no part of a version.
_CUDA_SDK = r'"cuda"\s*:\s*\{[^}]*"version"\s*:\s*"(\d+\.\d+(?:\.\d{1,4}(?!\d))*)'
CUDA = Component(
    "CUDA",
    variables=("CUDA_VERSION",),
    texts=(("/usr/local/cuda/version.json", _CUDA_SDK),),
)
CUBLAS = Component(
    "cuBLAS",
    variables=("CUBLAS_VERSION",),
    labels=("com.nvidia.cublas.version",),
    packages=(r"libcublas-\d+-\d+",),
)
CUDNN = Component(
    "cuDNN",
    variables=("CUDNN_VERSION",),
    labels=("com.nvidia.cudnn.version",),
    packages=(r"libcudnn\d+(?:-cuda-\d+)?",),
)
NCCL = Component(
    "NCCL",
    variables=("NCCL_VERSION",),
    labels=("com.nvidia.nccl.version",),
    packages=("libnccl2",),
)
TENSORRT = Component(
    "TensorRT",
    variables=("TRT_VERSION",),
    labels=("com.nvidia.tensorrt.version",),
    packages=(r"libnvinfer\d+", "tensorrt"),
)
OPENUCX = Component(
    "OpenUCX",
    variables=("OPENUCX_VERSION",),
    packages=("ucx",),
    texts=tuple(
        (f"{folder}/lib/pkgconfig/ucx.pc", _PKGCONFIG_VERSION)
        for folder in ("/usr/local/ucx", "/opt/hpcx/ucx")
    ),
)
GDRCOPY = Component("GDRCopy", variables=("GDRCOPY_VERSION",), packages=("libgdrapi",))
HPCX = Component(
    "HPC-X",
    variables=("HPCX_VERSION",),
    texts=(("/opt/hpcx/VERSION", r"HPC-X v?(\d[\d.]*)"),),
)
OPENMPI = Component(
    "Open MPI",
    variables=("OPENMPI_VERSION",),
    texts=tuple(
        (f"{folder}/lib/pkgconfig/ompi.pc", _PKGCONFIG_VERSION)
        for folder in ("/usr/local/mpi", "/opt/hpcx/ompi")
    ),
)
DALI = Component(
    "DALI",
    variables=("DALI_VERSION",),
    distributions=(*(f"nvidia-dali-cuda{major}0" for major in (11, 12, 13)), "nvidia-dali"),
    folders=(_DALI,),
)
NVIMAGECODEC = Component(
    "nvImageCodec",
    variables=("NVIMGCODEC_VERSION",),
    distributions=tuple(f"nvidia-nvimgcodec-cu{major}" for major in (11, 12, 13)),
    folders=(_DALI,),
)
ONNXRUNTIME = Component(
    "ONNX Runtime",
    libraries=((f"{_BACKENDS}/onnxruntime", r"libonnxruntime\.so\.(\d+\.\d+\.\d+)"),),
)
# Its soname has another number than its file.
OPENVINO = Component(
    "OpenVINO",
    libraries=tuple(
        (f"{_BACKENDS}/{backend}", r"libopenvino\.so\.(20\d\d\.\d+\.\d+)")
        for backend in ("openvino", "onnxruntime")
    ),
)
DCGM = Component("DCGM", variables=("DCGM_VERSION",), packages=("datacenter-gpu-manager",))
TENSORRT_LLM = Component("TensorRT-LLM", distributions=("tensorrt-llm",))
VLLM = Component("vLLM", distributions=("vllm",))
GENAI_PERF = Component(
    "GenAI-Perf",
    distributions=("genai-perf",),
    libraries=(("/workspace/install/python", r"genai_perf-([\d.]+)-.*\.whl"),),
)
