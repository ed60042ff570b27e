#!/usr/bin/env python3
# Fovea from Python through its C interface, with ctypes alone: NumPy arrays without a copy, in both
# directions, and a training that a Python function stops.
#
#   python_ctypes.py <libfovea.so>
#
# Expected output:
#
#   tensors share NumPy's memory: yes
#   NumPy shares a tensor's memory by DLPack: yes
#   a transposed array comes in as it is: yes
#   stopped by Python after epoch ..: yes
#   accuracy ...., above .9: yes
#   a wrong shape is an error: shape_mismatch

import ctypes
import sys

import numpy as np

F32, I32 = 0, 4
DTYPES = {np.dtype(np.float32): F32, np.dtype(np.int32): I32}


class CompileOptions(ctypes.Structure):
    """fovea_compile_options up to the last member that is used here: struct_size says where it
    ends."""

    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("optimizer", ctypes.c_char_p),
        ("learning_rate", ctypes.c_double),
        ("optimizer_json", ctypes.c_char_p),
        ("loss", ctypes.c_char_p),
        ("from_logits", ctypes.c_int32),
        ("reserved", ctypes.c_int32),
        ("label_smoothing", ctypes.c_double),
        ("huber_delta", ctypes.c_double),
        ("metrics", ctypes.POINTER(ctypes.c_char_p)),
        ("metric_count", ctypes.c_size_t),
    ]


EpochBegin = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
BatchEnd = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, ctypes.c_void_p)
EpochEnd = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


class Callbacks(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("user_data", ctypes.c_void_p),
        ("on_epoch_begin", EpochBegin),
        ("on_batch_end", BatchEnd),
        ("on_epoch_end", EpochEnd),
    ]


class FitOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_size_t),
        ("epochs", ctypes.c_int32),
        ("keep_order", ctypes.c_int32),
        ("batch_size", ctypes.c_int64),
        ("validation_split", ctypes.c_double),
        ("validation_x", ctypes.c_void_p),
        ("validation_y", ctypes.c_void_p),
        ("sample_weight", ctypes.c_void_p),
        ("validation_sample_weight", ctypes.c_void_p),
        ("accumulate_steps", ctypes.c_int32),
        ("verbose", ctypes.c_int32),
        ("callbacks", ctypes.POINTER(Callbacks)),
    ]


class Fovea:
    """The library; a status other than 0 becomes an exception."""

    def __init__(self, path):
        self.lib = ctypes.CDLL(path)
        self.lib.fovea_last_error.restype = ctypes.c_char_p
        self.lib.fovea_status_name.restype = ctypes.c_char_p
        self.lib.fovea_tensor_const_data.restype = ctypes.c_void_p
        self.lib.fovea_tensor_shape.restype = ctypes.POINTER(ctypes.c_int64)
        self.lib.fovea_logs_get.restype = ctypes.c_double

    def call(self, name, *arguments):
        status = getattr(self.lib, name)(*arguments)
        if status != 0:
            kind = self.lib.fovea_status_name(status).decode()
            raise RuntimeError(kind, self.lib.fovea_last_error().decode())

    def make(self, name, *arguments):
        """Calls a function whose last parameter is the result."""
        result = ctypes.c_void_p()
        self.call(name, *arguments, ctypes.byref(result))
        return result

    def wrap(self, array):
        """A tensor over an array's memory. The array must live as long as the tensor."""
        assert array.flags.c_contiguous
        shape = (ctypes.c_int64 * array.ndim)(*array.shape)
        return self.make("fovea_tensor_wrap", ctypes.c_void_p(array.ctypes.data), shape,
                         array.ndim, DTYPES[array.dtype], None, None)


# DLPack's way from and to Python objects: a capsule around a DLManagedTensor.
capsule_new = ctypes.pythonapi.PyCapsule_New
capsule_new.restype = ctypes.py_object
capsule_new.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
capsule_get = ctypes.pythonapi.PyCapsule_GetPointer
capsule_get.restype = ctypes.c_void_p
capsule_get.argtypes = [ctypes.py_object, ctypes.c_char_p]
capsule_rename = ctypes.pythonapi.PyCapsule_SetName
capsule_rename.argtypes = [ctypes.py_object, ctypes.c_char_p]


class DlpackSource:
    """What np.from_dlpack() takes: a tensor that is handed over once."""

    def __init__(self, fovea, tensor):
        managed = fovea.make("fovea_tensor_to_dlpack", tensor)
        self.capsule = capsule_new(managed.value, b"dltensor", None)

    def __dlpack__(self, **_):
        return self.capsule

    def __dlpack_device__(self):
        return (1, 0)  # the CPU


def from_dlpack(fovea, array):
    """A tensor over what any library's array offers; one with gaps is copied."""
    capsule = array.__dlpack__()
    tensor = fovea.make("fovea_tensor_from_dlpack",
                        ctypes.c_void_p(capsule_get(capsule, b"dltensor")))
    capsule_rename(capsule, b"used_dltensor")  # the library owns it now
    return tensor


def yes(condition):
    return "yes" if condition else "no"


def exchange_arrays(fovea):
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    tensor = fovea.wrap(array)
    print("tensors share NumPy's memory:",
          yes(fovea.lib.fovea_tensor_const_data(tensor) == array.ctypes.data))
    view = np.from_dlpack(DlpackSource(fovea, tensor))
    array[1, 2] = 7
    print("NumPy shares a tensor's memory by DLPack:", yes(view[1, 2] == 7))
    fovea.lib.fovea_tensor_free(tensor)

    turned = from_dlpack(fovea, array.T)
    copy = np.from_dlpack(DlpackSource(fovea, turned))
    fovea.lib.fovea_tensor_free(turned)
    print("a transposed array comes in as it is:", yes(np.array_equal(copy, array.T)))


def train(fovea):
    random = np.random.default_rng(0)
    points = random.uniform(-1, 1, (500, 4)).astype(np.float32)
    labels = ((points[:, 0] > 0).astype(np.int32) + (points[:, 1] > 0)).astype(np.int32)
    x, y = fovea.wrap(points), fovea.wrap(labels)

    network = fovea.make("fovea_network_from_zoo", b"iris_small")
    model = fovea.make("fovea_model_new", network, None)
    metrics = (ctypes.c_char_p * 1)(b"accuracy")
    options = CompileOptions(
        ctypes.sizeof(CompileOptions), optimizer=b"adam", learning_rate=0.02,
        loss=b"sparse_categorical_crossentropy", metrics=metrics, metric_count=1)
    fovea.call("fovea_model_compile", model, ctypes.byref(options))

    epochs = []

    def on_epoch_end(_user_data, _model, epoch, logs):
        epochs.append(epoch + 1)
        accuracy = fovea.lib.fovea_logs_get(ctypes.c_void_p(logs), b"accuracy")
        return 1 if accuracy > 0.95 else 0  # stops the training

    callbacks = Callbacks(ctypes.sizeof(Callbacks), on_epoch_end=EpochEnd(on_epoch_end))
    fit = FitOptions(ctypes.sizeof(FitOptions), epochs=99, batch_size=25,
                     callbacks=ctypes.pointer(callbacks))
    fovea.call("fovea_model_fit", model, ctypes.byref(x), ctypes.c_size_t(1), ctypes.byref(y),
               ctypes.c_size_t(1), ctypes.byref(fit), None)
    print(f"stopped by Python after epoch {epochs[-1]:2d}:", yes(epochs[-1] < 99))

    answers = np.empty((500, 3), np.float32)
    out = fovea.wrap(answers)
    fovea.call("fovea_model_predict_into", model, ctypes.byref(x), ctypes.c_size_t(1),
               ctypes.c_int64(0), ctypes.byref(out), ctypes.c_size_t(1))
    accuracy = np.mean(answers.argmax(axis=1) == labels)
    print(f"accuracy {accuracy:.2f}, above .9:", yes(accuracy > 0.9))

    try:
        fovea.call("fovea_model_predict_into", model, ctypes.byref(out), ctypes.c_size_t(1),
                   ctypes.c_int64(0), ctypes.byref(out), ctypes.c_size_t(1))
    except RuntimeError as error:
        print("a wrong shape is an error:", error.args[0])
    for tensor in (out, y, x):
        fovea.lib.fovea_tensor_free(tensor)
    fovea.lib.fovea_model_free(model)
    fovea.lib.fovea_network_free(network)


def main():
    fovea = Fovea(sys.argv[1])
    exchange_arrays(fovea)
    train(fovea)


if __name__ == "__main__":
    main()
