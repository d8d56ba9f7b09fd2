#pragma once
// Marks functions that CPU code and CUDA kernels share.
#if defined(__CUDACC__)
#define MUSC2_HOST_DEVICE __host__ __device__
#else
#define MUSC2_HOST_DEVICE
#endif
