// The plug-in for PNG files, on libpng.
//
// libpng reports an error by a call that must not return; it jumps back to `guarded`, over libpng's
// frames and a lambda without anything to destroy, and the exception is thrown from there.
#include <png.h>

#include <array>
#include <csetjmp>
#include <cstring>

#include "fovea/error.h"
#include "host/data/image_codec.h"

namespace fovea::data {
namespace {

class PngReader {
 public:
  PngReader(std::span<const std::uint8_t> bytes, const std::string& source)
      : bytes_(bytes),
        source_(source),
        png_(png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, on_warning)) {
    FOVEA_REQUIRE(png_ != nullptr, unsupported, source_,
                  ": libpng is not the version that Fovea was built with; build it again");
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  Tensor read() {
    guarded([this] {
      info_ = png_create_info_struct(png_);
      if (info_ == nullptr) png_error(png_, "out of memory");
      png_set_read_fn(png_, this, on_read);
      png_read_info(png_, info_);
    });
    const std::int64_t width = png_get_image_width(png_, info_);
    const std::int64_t height = png_get_image_height(png_, info_);
    FOVEA_REQUIRE(width * height <= kMaxPixels, parse, source_, " claims to have ", height, " x ",
                  width, " pixels; at most ", kMaxPixels, " are read");
    guarded([this] { ask_for_bytes(); });
    const std::int64_t channels = png_get_channels(png_, info_);
    Tensor image({height, width, channels}, DType::u8);
    auto* pixels = image.data<std::uint8_t>();
    std::vector<png_bytep> rows;
    for (std::int64_t y = 0; y < height; ++y) rows.push_back(pixels + y * width * channels);
    guarded([this, first = rows.data()] {
      png_read_image(png_, first);
      png_read_end(png_, nullptr);
    });
    return image;
  }

 private:
  static PngReader& reader_of(void* self) { return *static_cast<PngReader*>(self); }

  [[noreturn]] static void on_error(png_structp png, png_const_charp message) {
    PngReader& reader = reader_of(png_get_error_ptr(png));
    std::strncpy(reader.message_.data(), message, reader.message_.size() - 1);
    std::longjmp(reader.on_error_, 1);
  }
  static void on_warning(png_structp /*png*/, png_const_charp /*message*/) {}

  static void on_read(png_structp png, png_bytep target, std::size_t count) {
    PngReader& reader = reader_of(png_get_io_ptr(png));
    if (count > reader.bytes_.size()) png_error(png, "the file ends too early");
    std::memcpy(target, reader.bytes_.data(), count);
    reader.bytes_ = reader.bytes_.subspan(count);
  }

  /// Whatever the file has, one or three bytes per pixel come out.
  void ask_for_bytes() {
    png_set_expand(png_);  // a palette as colours, 1 to 4 bits as 8
    png_set_scale_16(png_);
    png_set_strip_alpha(png_);
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
  }

  template <class Step>
  void guarded(const Step& step) {
    if (setjmp(on_error_) != 0) {  // NOLINT(cert-err52-cpp): the only way out of libpng
      fail(ErrorCode::parse, source_, " is not a complete, correct PNG file: ", message_.data());
    }
    step();
  }

  std::span<const std::uint8_t> bytes_;  // those not read yet
  const std::string& source_;
  std::jmp_buf on_error_{};
  std::array<char, 200> message_{};
  png_structp png_;
  png_infop info_ = nullptr;
};

Tensor decode(std::span<const std::uint8_t> bytes, const std::string& source) {
  return PngReader(bytes, source).read();
}

std::vector<std::uint8_t> encode(const Tensor& image, int /*quality*/) {
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.height = static_cast<png_uint_32>(image.shape()[0]);
  header.width = static_cast<png_uint_32>(image.shape()[1]);
  header.format = image.shape().c() == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(header);
  std::vector<std::uint8_t> bytes(size);
  const int written = png_image_write_to_memory(&header, bytes.data(), &size, 0,
                                                image.data<std::uint8_t>(), 0, nullptr);
  FOVEA_REQUIRE(written != 0, internal, "libpng cannot encode a picture of shape ", image.shape(),
                ": ", header.message);
  bytes.resize(size);
  return bytes;
}

}  // namespace
}  // namespace fovea::data

extern "C" FOVEA_API const fovea::data::ImageCodec* fovea_png_codec();

const fovea::data::ImageCodec* fovea_png_codec() {
  static constexpr fovea::data::ImageCodec kCodec = {fovea::data::decode, fovea::data::encode};
  return &kCodec;
}
