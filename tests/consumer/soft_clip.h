// y = limit tanh(x / limit) on a CUDA stream; returns null or what went wrong.
#pragma once

const char* soft_clip_on_cuda(const float* x, float* y, long long count, float limit, void* stream);
