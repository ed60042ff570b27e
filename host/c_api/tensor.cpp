// Tensors and data sets.
#include <cstring>
#include <utility>

#include "fovea/data.h"
#include "host/c_api/handles.h"

using fovea::DType;
using fovea::Shape;
using fovea::Tensor;
using fovea::c_api::checked;
using fovea::c_api::dtype_from;
using fovea::c_api::give_out;
using fovea::c_api::guarded;
using fovea::c_api::looked_up;
using fovea::c_api::new_tensor;
using fovea::c_api::required;
using fovea::c_api::shape_from;

namespace {

std::function<void()> release_by(fovea_deleter deleter, void* user_data) {
  if (deleter == nullptr) return {};
  return [deleter, user_data] { deleter(user_data); };
}

/// A tensor over a caller's memory. `wrap` is one of Tensor's; it is called last, when nothing can
/// fail any more, since with it the memory is the tensor's.
template <class Data, class Wrap>
void give_out_wrapped(Data* data, const int64_t* sizes, int rank, fovea_dtype dtype,
                      std::function<void()> release, fovea_tensor** out, Wrap wrap) {
  required(out, "out");
  const DType type = dtype_from(dtype);
  const Shape shape = shape_from(sizes, rank, type);
  FOVEA_REQUIRE(data != nullptr, invalid_argument, "'data' is NULL");
  FOVEA_REQUIRE(reinterpret_cast<std::uintptr_t>(data) % dtype_size(type) == 0,  // NOLINT
                invalid_argument, "data of type ", dtype_name(type), " must be aligned to ",
                dtype_size(type), " bytes; copy it with fovea_tensor_copy");
  auto handle = new_tensor({});
  handle->value = wrap(data, shape, type, std::move(release));
  give_out(out, std::move(handle));
}

void give_out_data(const fovea::TrainTest& data, fovea_dataset* out) {
  auto train_x = new_tensor(data.train.x);
  auto train_y = new_tensor(data.train.y);
  auto test_x = new_tensor(data.test.x);
  auto test_y = new_tensor(data.test.y);
  required(out, "out") = {train_x.release(), train_y.release(), test_x.release(), test_y.release()};
}

}  // namespace

fovea_status fovea_tensor_zeros(const int64_t* shape, int rank, fovea_dtype dtype,
                                fovea_tensor** out) {
  return guarded([&] {
    const DType type = dtype_from(dtype);
    give_out(out, new_tensor(Tensor::zeros(shape_from(shape, rank, type), type)));
  });
}

fovea_status fovea_tensor_copy(const void* data, const int64_t* shape, int rank, fovea_dtype dtype,
                               fovea_tensor** out) {
  return guarded([&] {
    const DType type = dtype_from(dtype);
    Tensor copy(shape_from(shape, rank, type), type);
    if (copy.bytes() > 0) {
      FOVEA_REQUIRE(data != nullptr, invalid_argument, "'data' is NULL");
      std::memcpy(copy.mutable_raw(), data, copy.bytes());
    }
    give_out(out, new_tensor(std::move(copy)));
  });
}

fovea_status fovea_tensor_wrap(void* data, const int64_t* shape, int rank, fovea_dtype dtype,
                               fovea_deleter deleter, void* user_data, fovea_tensor** out) {
  return guarded([&] {
    give_out_wrapped(data, shape, rank, dtype, release_by(deleter, user_data), out, Tensor::wrap);
  });
}

fovea_status fovea_tensor_wrap_const(const void* data, const int64_t* shape, int rank,
                                     fovea_dtype dtype, fovea_deleter deleter, void* user_data,
                                     fovea_tensor** out) {
  return guarded([&] {
    give_out_wrapped(data, shape, rank, dtype, release_by(deleter, user_data), out,
                     Tensor::wrap_read_only);
  });
}

fovea_status fovea_tensor_convert(const fovea_tensor* tensor, fovea_dtype dtype,
                                  fovea_tensor** out) {
  return guarded([&] { give_out(out, new_tensor(checked(tensor).value.to(dtype_from(dtype)))); });
}

void fovea_tensor_free(fovea_tensor* tensor) { fovea::c_api::free_handle(tensor); }

int fovea_tensor_rank(const fovea_tensor* tensor) {
  return looked_up(-1, [&] { return checked(tensor).value.shape().rank(); });
}

const int64_t* fovea_tensor_shape(const fovea_tensor* tensor) {
  return looked_up<const int64_t*>(nullptr, [&] { return checked(tensor).value.shape().begin(); });
}

fovea_dtype fovea_tensor_dtype(const fovea_tensor* tensor) {
  return looked_up<fovea_dtype>(
      -1, [&] { return static_cast<fovea_dtype>(checked(tensor).value.dtype()); });
}

int64_t fovea_tensor_count(const fovea_tensor* tensor) {
  return looked_up<int64_t>(-1, [&] { return checked(tensor).value.numel(); });
}

void* fovea_tensor_data(fovea_tensor* tensor) {
  return looked_up<void*>(nullptr, [&] { return checked(tensor).value.mutable_raw(); });
}

const void* fovea_tensor_const_data(const fovea_tensor* tensor) {
  return looked_up<const void*>(nullptr, [&] { return checked(tensor).value.raw(); });
}

fovea_status fovea_load_cifar10(const char* folder, fovea_dataset* out) {
  return guarded([&] {
    required(out, "out");
    give_out_data(fovea::load_cifar10(&required(folder, "folder")), out);
  });
}

fovea_status fovea_load_mnist(const char* folder, fovea_dataset* out) {
  return guarded([&] {
    required(out, "out");
    give_out_data(fovea::load_mnist(&required(folder, "folder")), out);
  });
}

fovea_status fovea_make_synthetic(uint64_t seed, int64_t train_count, int64_t test_count,
                                  fovea_dataset* out) {
  return guarded([&] {
    required(out, "out");
    give_out_data(fovea::make_synthetic(seed, train_count, test_count), out);
  });
}

void fovea_dataset_free(fovea_dataset* dataset) {
  if (dataset == nullptr) return;
  for (fovea_tensor** tensor :
       {&dataset->train_x, &dataset->train_y, &dataset->test_x, &dataset->test_y}) {
    fovea_tensor_free(std::exchange(*tensor, nullptr));
  }
}
