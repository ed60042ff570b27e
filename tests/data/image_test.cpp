// Image files and folders of them, sizes and grey: what is read and written, and that damaged files
// are errors wherever they are damaged. Pixels are compared with TensorFlow's in tests/golden.
#include "fovea/image.h"

#include <cmath>

#include "fovea/datasets.h"
#include "host/io/crc32.h"
#include "tests/data/data_test_support.h"

namespace fovea::test {
namespace {

namespace fs = std::filesystem;

/// A picture of smooth colours, u8 (height, width, channels).
Tensor picture(std::int64_t height, std::int64_t width, std::int64_t channels) {
  Tensor image({height, width, channels}, DType::u8);
  auto* byte = image.data<std::uint8_t>();
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      for (std::int64_t c = 0; c < channels; ++c) {
        *byte++ = static_cast<std::uint8_t>(20 + 4 * y + 3 * x + 40 * c);
      }
    }
  }
  return image;
}

void expect_near(const Tensor& a, const Tensor& b, double tolerance) {
  ASSERT_EQ(a.shape(), b.shape());
  for (std::int64_t i = 0; i < a.numel(); ++i) EXPECT_NEAR(a.item(i), b.item(i), tolerance) << i;
}

void append_word(Bytes& bytes, std::size_t word) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<std::uint8_t>(word >> shift));
  }
}

void append_chunk(Bytes& png, const std::string& kind, const Bytes& data) {
  append_word(png, data.size());
  Bytes checked(kind.begin(), kind.end());
  checked.insert(checked.end(), data.begin(), data.end());
  png.insert(png.end(), checked.begin(), checked.end());
  append_word(png, crc32(checked.data(), checked.size()));
}

/// A PNG file; `rows` are the bytes of all rows, each after its filter's byte.
Bytes png_file(std::size_t width, std::size_t height, int bits, int kind, const Bytes& rows,
               const Bytes& palette = {}, const Bytes& transparency = {}) {
  Bytes png = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  Bytes header;
  append_word(header, width);
  append_word(header, height);
  for (const int byte : {bits, kind, 0, 0, 0}) header.push_back(static_cast<std::uint8_t>(byte));
  append_chunk(png, "IHDR", header);
  if (!palette.empty()) append_chunk(png, "PLTE", palette);
  if (!transparency.empty()) append_chunk(png, "tRNS", transparency);
  // zlib with one stored block.
  const auto low = [](std::size_t value) { return static_cast<std::uint8_t>(value); };
  const std::size_t size = rows.size();
  Bytes data = {0x78, 1, 1, low(size), low(size >> 8), low(~size), low(~size >> 8)};
  data.insert(data.end(), rows.begin(), rows.end());
  std::size_t a = 1, b = 0;  // Adler-32
  for (const std::uint8_t byte : rows) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  append_word(data, b << 16 | a);
  append_chunk(png, "IDAT", data);
  append_chunk(png, "IEND", {});
  return png;
}

constexpr int kGrey = 0, kRgb = 2, kPalette = 3, kGreyAlpha = 4;

/// Every prefix of the file, and every change of one byte: an error or a picture, never a crash.
void expect_survives_damage(const Bytes& good) {
  for (std::size_t length = 0; length < good.size() - 2; ++length) {
    try {
      decode_image(std::span(good).first(length), ImageColor::rgb, "cut");
      ADD_FAILURE() << "the first " << length << " of " << good.size() << " bytes were read";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::parse) << error.what();
      EXPECT_NE(std::string(error.what()).find("cut "), std::string::npos) << error.what();
    }
  }
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const int flip : {0x01, 0x80, 0xFF}) {
      Bytes bad = good;
      bad[at] = static_cast<std::uint8_t>(bad[at] ^ flip);
      try {
        EXPECT_TRUE(decode_image(bad).defined());
      } catch (const Error& error) {
        EXPECT_TRUE(error.code() == ErrorCode::parse || error.code() == ErrorCode::unsupported)
            << error.what();
      }
    }
  }
}

Bytes encoded(const std::string& name, const Tensor& image) {
  const TempFolder folder;
  write_image(folder / name, image);
  return read_file(folder / name);
}

/// Skipped, saying so, in a build without libpng.
class Png : public testing::Test {
 protected:
  void SetUp() override {
    if (!FOVEA_HAS_PNG) GTEST_SKIP() << "the library was built without libpng";
  }
  TempFolder folder_;
};

/// Skipped, saying so, in a build without libjpeg.
class Jpeg : public testing::Test {
 protected:
  void SetUp() override {
    if (!FOVEA_HAS_JPEG) GTEST_SKIP() << "the library was built without libjpeg";
  }
  TempFolder folder_;
};

// ---- PNG ----

TEST_F(Png, ComesBackAsItWas) {
  for (const std::int64_t channels : {1, 3}) {
    const Tensor image = picture(9, 14, channels);
    write_image(folder_ / "picture.PNG", image);
    expect_near(read_image(folder_ / "picture.PNG",
                           channels == 1 ? ImageColor::grayscale : ImageColor::rgb),
                image, 0);
  }
  const Tensor grey = picture(4, 5, 1);
  write_image(folder_ / "grey.png", grey.reshape({4, 5}));
  const Tensor rgb = read_image(folder_ / "grey.png");
  EXPECT_EQ(rgb.shape(), (Shape{4, 5, 3}));
  EXPECT_EQ(rgb.item(3 * 7 + 1), grey.item(7));
}

TEST_F(Png, ReadsFewAndManyBitsPerPixel) {
  // 1 bit: 10 pixels in two bytes.
  const Tensor bits =
      decode_image(png_file(10, 1, 1, kGrey, {0, 0b10110000, 0b01000000}), ImageColor::grayscale);
  EXPECT_EQ(bits.shape(), (Shape{1, 10, 1}));
  EXPECT_EQ(bits.item(0), 255);
  EXPECT_EQ(bits.item(1), 0);
  EXPECT_EQ(bits.item(9), 255);
  // 4 bits: 5 of 15 is 85 of 255.
  EXPECT_EQ(decode_image(png_file(2, 1, 4, kGrey, {0, 0x5F})).item(0), 85);
  // 16 bits: half of 0xFFFF / 0xFF more than 128 of these is 33024.5.
  EXPECT_EQ(decode_image(png_file(1, 1, 16, kGrey, {0, 0x81, 0x00})).item(0), 128);
  EXPECT_EQ(decode_image(png_file(1, 1, 16, kGrey, {0, 0x81, 0x01})).item(0), 129);
  EXPECT_EQ(decode_image(png_file(1, 1, 16, kGrey, {0, 0xFF, 0xFF})).item(0), 255);
}

TEST_F(Png, ReadsPalettesAndDropsTransparency) {
  const Bytes palette = {10, 20, 30, 40, 50, 60};
  for (const Bytes& transparency : {Bytes{}, Bytes{0, 255}}) {
    const Tensor image =
        decode_image(png_file(2, 1, 8, kPalette, {0, 1, 0}, palette, transparency));
    ASSERT_EQ(image.shape(), (Shape{1, 2, 3}));
    EXPECT_EQ(image.item(0), 40);
    EXPECT_EQ(image.item(5), 30);
  }
  const Tensor grey =
      decode_image(png_file(2, 1, 8, kGreyAlpha, {0, 7, 0, 9, 255}), ImageColor::grayscale);
  EXPECT_EQ(grey.item(0), 7);
  EXPECT_EQ(grey.item(1), 9);
  expect_error(ErrorCode::parse, {"PNG"}, [&] {
    decode_image(png_file(2, 1, 8, kPalette, {0, 1, 0}));  // without its palette
  });
}

TEST_F(Png, RefusesDamagedAndHugeFiles) {
  expect_survives_damage(encoded("x.png", picture(5, 7, 3)));
  expect_error(ErrorCode::parse, {"picture", "900000 x 900000 pixels", "at most"},
               [] { decode_image(png_file(900'000, 900'000, 8, kRgb, {0})); });
  expect_error(ErrorCode::parse, {"picture", "PNG"},
               [] { decode_image(png_file(0x7FFFFFFF, 0x7FFFFFFF, 8, kRgb, {0})); });
}

// ---- JPEG ----

TEST_F(Jpeg, ComesBackNearly) {
  for (const std::int64_t channels : {1, 3}) {
    const Tensor image = picture(16, 20, channels);
    for (const char* name : {"picture.jpg", "picture.jpeg"}) {
      write_image(folder_ / name, image, 95);
      expect_near(
          read_image(folder_ / name, channels == 1 ? ImageColor::grayscale : ImageColor::rgb),
          image, 5);
    }
  }
  write_image(folder_ / "coarse.jpg", picture(64, 64, 3), 5);
  write_image(folder_ / "fine.jpg", picture(64, 64, 3), 100);
  EXPECT_LT(fs::file_size(folder_ / "coarse.jpg"), fs::file_size(folder_ / "fine.jpg") / 2);
}

TEST_F(Jpeg, RefusesDamagedAndHugeFilesAndCmyk) {
  const Bytes good = encoded("x.jpg", picture(9, 10, 3));
  expect_survives_damage(good);
  Bytes huge = good;
  for (std::size_t i = 0; i + 9 < huge.size(); ++i) {
    if (huge[i] == 0xFF && huge[i + 1] == 0xC0) {  // start of frame: height and width after 5 bytes
      for (const std::size_t byte : {std::size_t{5}, std::size_t{7}}) huge[i + byte] = 0xFA;
      break;
    }
  }
  expect_error(ErrorCode::parse, {"x 64010 pixels", "at most"}, [&] { decode_image(huge); });
  Bytes cmyk = {0xFF, 0xD8, 0xFF, 0xC0, 0, 20, 8, 0, 2, 0, 2, 4};
  for (const std::uint8_t id : Bytes{1, 2, 3, 4}) cmyk.insert(cmyk.end(), {id, 0x11, 0});
  cmyk.insert(cmyk.end(), {0xFF, 0xDA, 0, 14, 4, 1, 0, 2, 0, 3, 0, 4, 0, 0, 63, 0, 1, 2, 3});
  expect_error(ErrorCode::unsupported, {"4 channels", "RGB"}, [&] { decode_image(cmyk); });
}

// ---- Both ----

TEST(ImageFile, RefusesWhatIsNoPicture) {
  const TempFolder folder;
  write_file(folder / "text.jpg", {'h', 'e', 'l', 'l', 'o'});
  write_file(folder / "empty.png", {});
  expect_error(ErrorCode::parse, {"text.jpg", "neither a JPEG nor a PNG"},
               [&] { read_image(folder / "text.jpg"); });
  expect_error(ErrorCode::parse, {"empty.png", "is empty"},
               [&] { read_image(folder / "empty.png"); });
  expect_error(ErrorCode::io, {"nowhere.png"}, [&] { read_image(folder / "nowhere.png"); });
}

TEST(ImageFile, RefusesWhatCannotBeWritten) {
  const TempFolder folder;
  const auto expect_refusal = [&](const std::vector<std::string>& parts, const char* name,
                                  const Tensor& image, int quality = 75) {
    expect_error(ErrorCode::invalid_argument, parts,
                 [&] { write_image(folder / name, image, quality); });
    EXPECT_FALSE(fs::exists(folder / name));
  };
  expect_refusal({"x.gif", ".png, .jpg or .jpeg"}, "x.gif", picture(2, 2, 3));
  expect_refusal({"x.png", "(2, 2, 4)"}, "x.png", picture(2, 2, 4));
  expect_refusal({"x.png", "(1, 2, 2, 3)", "batch"}, "x.png",
                 picture(2, 2, 3).reshape({1, 2, 2, 3}));
  expect_refusal({"x.png", "not f32", "by 255"}, "x.png", Tensor::zeros({2, 2, 3}));
  expect_refusal({"x.jpg", "quality of 0"}, "x.jpg", picture(2, 2, 3), 0);
  expect_refusal({"x.png"}, "x.png", Tensor());
}

TEST(ImageFile, WithoutAPluginSaysWhatToInstall) {
  const ScopedEnv disabled("FOVEA_DISABLE_PLUGINS", "png,jpeg");
  const TempFolder folder;
  const Bytes png = png_file(1, 1, 8, kGrey, {0, 7});
  expect_error(ErrorCode::unsupported, {"PNG", "FOVEA_DISABLE_PLUGINS", "libpng-dev"},
               [&] { decode_image(png); });
  expect_error(ErrorCode::unsupported, {"x.jpg", "JPEG", "libjpeg-dev"},
               [&] { write_image(folder / "x.jpg", picture(2, 2, 3)); });
}

class ImageFolder : public Png {
 protected:
  void SetUp() override {
    Png::SetUp();
    if (IsSkipped()) return;
    for (const char* name : {"dogs", "cats/indoors"}) fs::create_directories(folder_ / name);
    write_image(folder_ / "dogs/2.png", Tensor::full({6, 9, 3}, 200, DType::u8));
    write_image(folder_ / "dogs/1.png", Tensor::full({4, 4, 1}, 100, DType::u8));
    write_image(folder_ / "cats/indoors/0.png", Tensor::full({8, 8, 3}, 50, DType::u8));
    write_file(folder_ / "cats/notes.txt", {'x'});
    write_file(folder_ / "cats/._0.png", {'x'});
    fs::create_directory(folder_ / ".checkpoints");
    write_file(folder_ / "readme.png", {'x'});
  }
};

TEST_F(ImageFolder, TakesFoldersAsClasses) {
  const Dataset data = load_image_folder(folder_.path(), {.size = {5, 3}});
  EXPECT_NO_THROW(data.check());
  EXPECT_EQ(data.x.shape(), (Shape{3, 5, 3, 3}));
  EXPECT_EQ(data.class_names, (std::vector<std::string>{"cats", "dogs"}));
  const std::vector<int> labels = {0, 1, 1}, greys = {50, 100, 200};
  for (std::int64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(data.y.item(i), labels[static_cast<std::size_t>(i)]);
    for (std::int64_t byte = 0; byte < 45; ++byte) {
      EXPECT_EQ(data.x.item(45 * i + byte), greys[static_cast<std::size_t>(i)]);
    }
  }
  EXPECT_EQ(
      load_image_folder(folder_.path(), {.size = 2, .color = ImageColor::grayscale}).x.shape(),
      (Shape{3, 2, 2, 1}));
  EXPECT_EQ(load_image_folder(folder_.path()).x.shape(), (Shape{3, 256, 256, 3}));
}

TEST_F(ImageFolder, NamesFilesAndFoldersThatAreWrong) {
  write_file(folder_ / "dogs/3.jpg", {'x'});
  expect_error(ErrorCode::parse, {"dogs/3.jpg", "neither"},
               [&] { load_image_folder(folder_.path()); });
  fs::remove(folder_ / "dogs/3.jpg");
  fs::create_directory(folder_ / "ducks");
  expect_error(ErrorCode::io, {"ducks", "has no .jpg, .jpeg or .png"},
               [&] { load_image_folder(folder_.path()); });
  expect_error(ErrorCode::io, {"has no folders"}, [&] { load_image_folder(folder_ / "ducks"); });
  expect_error(ErrorCode::io, {"no folder"}, [&] { load_image_folder(folder_ / "nowhere"); });
  expect_error(ErrorCode::io, {"readme.png"}, [&] { load_image_folder(folder_ / "readme.png"); });
}

// ---- Pixels ----

TEST(Resize, TakesPicturesAndBatches) {
  const Tensor image = picture(6, 8, 3);
  expect_near(resize_image(image, {6, 8}), image, 0);
  const Tensor batch = resize_image(image.reshape({2, 3, 8, 3}), {5, 4});
  EXPECT_EQ(batch.shape(), (Shape{2, 5, 4, 3}));
  EXPECT_EQ(batch.dtype(), DType::u8);
  expect_near(batch.slice(1, 2).reshape({5, 4, 3}),
              resize_image(image.reshape({2, 3, 8, 3}).slice(1, 2).reshape({3, 8, 3}), {5, 4}), 0);
  const Tensor steps = Tensor::from({1, 2, 1}, {0, 1});
  expect_near(resize_image(steps, {1, 4}), Tensor::from({1, 4, 1}, {0, 0.25F, 0.75F, 1}), 1e-6);
  expect_near(resize_image(steps, {1, 4}, {.method = ResizeMethod::nearest}),
              Tensor::from({1, 4, 1}, {0, 0, 1, 1}), 0);
  expect_error(ErrorCode::invalid_argument, {"0 x 4"}, [&] { resize_image(image, {0, 4}); });
  expect_error(ErrorCode::invalid_argument, {"(6, 24)"}, [&] {
    resize_image(image.reshape({6, 24}), 4);
  });
  expect_error(ErrorCode::invalid_argument, {"not i32"},
               [&] { resize_image(image.to(DType::i32), 4); });
  expect_error(ErrorCode::invalid_argument, {"empty tensor"}, [] { resize_image(Tensor(), 4); });
}

TEST(Grayscale, WeighsColoursByBt601) {
  const std::vector<std::uint8_t> colours = {255, 0, 0, 0, 255, 0, 0, 0, 255, 90, 90, 90};
  const Tensor rgb = Tensor::from<std::uint8_t>({2, 2, 3}, colours);
  const std::vector<std::uint8_t> greys = {76, 150, 29, 90};
  expect_near(to_grayscale(rgb), Tensor::from<std::uint8_t>({2, 2, 1}, greys), 0);
  expect_near(to_grayscale(rgb.to(DType::f32).reshape({1, 2, 2, 3})),
              Tensor::from({1, 2, 2, 1}, {76.245F, 149.685F, 29.07F, 90}), 1e-4);
  expect_near(to_grayscale(picture(2, 3, 1)), picture(2, 3, 1), 0);
  expect_error(ErrorCode::invalid_argument, {"(2, 2, 4)"}, [] { to_grayscale(picture(2, 2, 4)); });
  expect_error(ErrorCode::invalid_argument, {"f64"}, [&] { to_grayscale(rgb.to(DType::f64)); });
}

TEST(BatchAxis, ComesFirst) {
  EXPECT_EQ(add_batch_axis(picture(2, 3, 1)).shape(), (Shape{1, 2, 3, 1}));
  expect_error(ErrorCode::invalid_argument, {"needs a sample"}, [] { add_batch_axis(Tensor()); });
}

}  // namespace
}  // namespace fovea::test
