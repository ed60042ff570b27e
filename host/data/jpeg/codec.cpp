// The plug-in for JPEG files, on libjpeg or libjpeg-turbo.
//
// libjpeg reports an error by a call that must not return; it jumps back to `guarded`, over
// libjpeg's frames and a lambda without anything to destroy, and the exception is thrown from
// there.
#include <array>
#include <csetjmp>
#include <cstdio>  // jpeglib.h needs its types
#include <cstdlib>
#include <memory>

// The order matters: jerror.h needs what jpeglib.h declares.
#include <jpeglib.h>

#include <jerror.h>

#include "fovea/error.h"
#include "host/data/image_codec.h"

namespace fovea::data {
namespace {

/// libjpeg's error manager, which it hands back to the functions below, and what they leave there.
struct Errors {
  jpeg_error_mgr base{};
  std::jmp_buf on_error{};
  std::array<char, JMSG_LENGTH_MAX> message{};

  Errors() {
    jpeg_std_error(&base);
    base.error_exit = exit;
    base.emit_message = warn;
    base.output_message = [](j_common_ptr) {};
  }

  /// Runs a step of libjpeg. Throws with its message, which begins with `context`.
  template <class Step>
  void guarded(ErrorCode code, const std::string& context, const Step& step) {
    if (setjmp(on_error) != 0) {  // NOLINT(cert-err52-cpp): the only way out of libjpeg
      fail(code, context, ": ", message.data());
    }
    step();
  }

 private:
  [[noreturn]] static void exit(j_common_ptr info) {
    auto& self = *reinterpret_cast<Errors*>(info->err);  // `base` is the first member
    self.base.format_message(info, self.message.data());
    std::longjmp(self.on_error, 1);
  }

  /// Pictures go on after a warning, but not where libjpeg makes up the rest of the pixels.
  static void warn(j_common_ptr info, int level) {
    if (level >= 0) return;  // a trace
    switch (info->err->msg_code) {
      case JWRN_JPEG_EOF:
      case JWRN_HIT_MARKER:
      case JWRN_HUFF_BAD_CODE:
      case JWRN_ARITH_BAD_CODE:
        exit(info);
      default:
        break;
    }
  }
};

class JpegReader {
 public:
  JpegReader(std::span<const std::uint8_t> bytes, const std::string& source)
      : bytes_(bytes), source_(source) {}
  ~JpegReader() { jpeg_destroy_decompress(&info_); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  Tensor read() {
    guarded([this] {
      info_.err = &errors_.base;
      jpeg_create_decompress(&info_);
      jpeg_mem_src(&info_, bytes_.data(), static_cast<unsigned long>(bytes_.size()));
      jpeg_read_header(&info_, TRUE);
    });
    const std::int64_t height = info_.image_height;
    const std::int64_t width = info_.image_width;
    FOVEA_REQUIRE(width * height <= kMaxPixels, parse, source_, " claims to have ", height, " x ",
                  width, " pixels; at most ", kMaxPixels, " are read");
    FOVEA_REQUIRE(info_.num_components == 1 || info_.num_components == 3, unsupported, source_,
                  " is a JPEG file of ", info_.num_components,
                  " channels (CMYK, perhaps); convert it to RGB");
    const bool grey = info_.num_components == 1;
    guarded([this, grey] {
      info_.out_color_space = grey ? JCS_GRAYSCALE : JCS_RGB;
      jpeg_start_decompress(&info_);
    });
    Tensor image({height, width, grey ? 1 : 3}, DType::u8);
    const std::int64_t row_bytes = width * (grey ? 1 : 3);
    guarded([this, row_bytes, pixels = image.data<std::uint8_t>()] {
      while (info_.output_scanline < info_.output_height) {
        JSAMPROW row = pixels + row_bytes * info_.output_scanline;
        jpeg_read_scanlines(&info_, &row, 1);
      }
      jpeg_finish_decompress(&info_);
    });
    return image;
  }

 private:
  template <class Step>
  void guarded(const Step& step) {
    errors_.guarded(ErrorCode::parse, context_, step);
  }

  std::span<const std::uint8_t> bytes_;
  const std::string& source_;
  std::string context_ = source_ + " is not a complete, correct JPEG file";
  Errors errors_;
  jpeg_decompress_struct info_{};
};

class JpegWriter {
 public:
  JpegWriter() = default;
  ~JpegWriter() {
    jpeg_destroy_compress(&info_);
    std::free(buffer_);
  }
  JpegWriter(const JpegWriter&) = delete;
  JpegWriter& operator=(const JpegWriter&) = delete;

  std::vector<std::uint8_t> write(const Tensor& image, int quality) {
    const Shape& shape = image.shape();
    const std::string context = detail::concat("libjpeg cannot encode a picture of shape ", shape);
    const std::int64_t row_bytes = shape[1] * shape[2];
    errors_.guarded(ErrorCode::invalid_argument, context, [&, pixels = image.data<std::uint8_t>()] {
      info_.err = &errors_.base;
      jpeg_create_compress(&info_);
      jpeg_mem_dest(&info_, &buffer_, &size_);
      info_.image_height = static_cast<JDIMENSION>(shape[0]);
      info_.image_width = static_cast<JDIMENSION>(shape[1]);
      info_.input_components = static_cast<int>(shape[2]);
      info_.in_color_space = shape[2] == 1 ? JCS_GRAYSCALE : JCS_RGB;
      jpeg_set_defaults(&info_);
      jpeg_set_quality(&info_, quality, TRUE);
      jpeg_start_compress(&info_, TRUE);
      while (info_.next_scanline < info_.image_height) {
        // libjpeg only reads the row, though it does not say so.
        JSAMPROW row = const_cast<JSAMPROW>(pixels + row_bytes * info_.next_scanline);  // NOLINT
        jpeg_write_scanlines(&info_, &row, 1);
      }
      jpeg_finish_compress(&info_);
    });
    return {buffer_, buffer_ + size_};
  }

 private:
  Errors errors_;
  jpeg_compress_struct info_{};
  unsigned char* buffer_ = nullptr;  // libjpeg's, from malloc
  unsigned long size_ = 0;
};

Tensor decode(std::span<const std::uint8_t> bytes, const std::string& source) {
  return JpegReader(bytes, source).read();
}

std::vector<std::uint8_t> encode(const Tensor& image, int quality) {
  return JpegWriter().write(image, quality);
}

}  // namespace
}  // namespace fovea::data

extern "C" FOVEA_API const fovea::data::ImageCodec* fovea_jpeg_codec();

const fovea::data::ImageCodec* fovea_jpeg_codec() {
  static constexpr fovea::data::ImageCodec kCodec = {fovea::data::decode, fovea::data::encode};
  return &kCodec;
}
