// Who may include whom, and where device code may stand: the rules that keep the rooms apart, read
// off the source tree itself. The checker is tested on made-up trees with one breach each.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 7> kRooms = {"include", "host",    "kernels",   "cuda",
                                                    "tests",   "samples", "benchmarks"};

// What a header belongs to: one of the project's rooms, or somebody else's.
enum class Origin {
  include,         // include/fovea
  include_shared,  // include/fovea/dtype.h and detail/: what device code shares with the host
  host,
  command,  // host/cli
  kernels,
  cuda,
  samples,
  other_room,  // tests, benchmarks
  standard,    // the C++ standard library
  cuda_toolkit,
  cuda_libraries,  // cuDNN, cuBLASLt, CUB, Thrust, NCCL
  onednn,
  image_libraries,  // libpng, libjpeg
  containers,       // HDF5, libzip, protobuf: what model files are packed in
  drawing,          // librsvg, cairo
  command_line,     // CLI11
  system,           // POSIX, zlib
};

const char* name_of(Origin origin) {
  switch (origin) {
    case Origin::include:
      return "the public API";
    case Origin::include_shared:
      return "the part of the public API that kernels share";
    case Origin::host:
      return "host/";
    case Origin::command:
      return "host/cli/";
    case Origin::kernels:
      return "kernels/";
    case Origin::cuda:
      return "cuda/";
    case Origin::samples:
      return "samples/";
    case Origin::other_room:
      return "tests or benchmarks";
    case Origin::standard:
      return "the standard library";
    case Origin::cuda_toolkit:
      return "the CUDA toolkit";
    case Origin::cuda_libraries:
      return "a CUDA library";
    case Origin::onednn:
      return "oneDNN";
    case Origin::image_libraries:
      return "an image library";
    case Origin::containers:
      return "a library for model files";
    case Origin::drawing:
      return "a drawing library";
    case Origin::command_line:
      return "CLI11";
    case Origin::system:
      return "a system or third-party library";
  }
  return "";
}

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return text.starts_with(prefix); });
}

Origin origin_of_project_path(std::string_view path) {
  if (starts_with_any(path, {"include/fovea/dtype.h", "include/fovea/detail/"})) {
    return Origin::include_shared;
  }
  if (path.starts_with("include/")) return Origin::include;
  if (path.starts_with("host/cli/")) return Origin::command;
  if (path.starts_with("host/")) return Origin::host;
  if (path.starts_with("kernels/")) return Origin::kernels;
  if (path.starts_with("cuda/")) return Origin::cuda;
  if (path.starts_with("samples/")) return Origin::samples;
  return Origin::other_room;
}

// Where `#include "name"` or `<name>` in the file `includer` leads. Paths are relative to the root.
Origin origin_of(const std::string& name, const fs::path& includer, const fs::path& root) {
  if (name.starts_with("fovea/")) return origin_of_project_path("include/" + name);
  // Before the rooms: the toolkit, too, has a folder cuda/.
  if (starts_with_any(name, {"cuda/std/", "cuda/atomic", "cuda/barrier", "cuda/pipeline"})) {
    return Origin::cuda_toolkit;
  }
  if (fs::exists(root / name)) return origin_of_project_path(name);
  const fs::path beside = (includer.parent_path() / name).lexically_normal();
  if (fs::exists(root / beside)) return origin_of_project_path(beside.generic_string());
  if (starts_with_any(name, {"cudnn", "cublas", "cub/", "thrust/", "nccl"})) {
    return Origin::cuda_libraries;
  }
  if (starts_with_any(name, {"cuda", "cooperative_groups", "curand", "nvrtc", "nvml", "nvtx",
                             "mma.h", "device_", "vector_types", "driver_types", "host_defines"})) {
    return Origin::cuda_toolkit;
  }
  if (starts_with_any(name, {"dnnl", "oneapi/"})) return Origin::onednn;
  if (starts_with_any(name, {"png.h", "jpeglib.h", "jerror.h"})) return Origin::image_libraries;
  if (starts_with_any(name, {"hdf5", "H5", "zip.h", "google/protobuf/", "onnx_file.pb.h"})) {
    return Origin::containers;
  }
  if (starts_with_any(name, {"librsvg/", "cairo"})) return Origin::drawing;
  if (name.starts_with("CLI/")) return Origin::command_line;
  const bool of_c = name == "stddef.h" || name == "stdint.h";  // as the C interface writes them
  return of_c || name.find('.') == std::string::npos ? Origin::standard : Origin::system;
}

// The table: may a file of this path include something of that origin?
bool may_include(std::string_view file, Origin what) {
  using enum Origin;
  std::set<Origin> allowed = {include, include_shared, standard};
  if (starts_with_any(file, {"tests/", "benchmarks/"})) return true;
  if (file.starts_with("samples/") || file.starts_with("host/cli/")) {
    allowed.insert(system);
    if (file.starts_with("samples/")) allowed.insert(samples);
    if (file.starts_with("host/cli/")) allowed.insert({command_line, command});
  } else if (file.starts_with("host/")) {
    allowed.insert({host, system});
    if (file.starts_with("host/cpu/onednn/")) allowed.insert(onednn);
    if (starts_with_any(file, {"host/data/png/", "host/data/jpeg/"})) {
      allowed.insert(image_libraries);
    }
    if (starts_with_any(file,
                        {"host/io/hdf5_plugin/", "host/io/zip_plugin/", "host/io/onnx_plugin/"})) {
      allowed.insert(containers);
    }
    if (file.starts_with("host/report/svg_plugin/")) allowed.insert(drawing);
  } else if (file.starts_with("kernels/")) {
    allowed = {include_shared, standard, kernels, cuda_toolkit};
  } else if (file.starts_with("cuda/")) {
    allowed.insert({host, kernels, cuda, cuda_toolkit, cuda_libraries, system});
  }
  return allowed.contains(what);
}

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// The end of the comment or literal that begins at `at`, or `at` where none begins there.
std::size_t end_of_non_code(std::string_view text, std::size_t at) {
  const auto after = [&](std::string_view closing, std::size_t from) {
    const std::size_t found = text.find(closing, from);
    return found == std::string_view::npos ? text.size() : found + closing.size();
  };
  const std::string_view rest = text.substr(at);
  if (rest.starts_with("//")) return std::min(text.find('\n', at), text.size());
  if (rest.starts_with("/*")) return after("*/", at + 2);
  if (rest.starts_with("R\"")) {
    const std::size_t open = text.find('(', at);
    return after(")" + std::string(text.substr(at + 2, open - at - 2)) + "\"", open);
  }
  const bool digit_separator = at > 0 && std::isxdigit(static_cast<unsigned char>(text[at - 1]));
  if (rest[0] != '"' && (rest[0] != '\'' || digit_separator)) return at;
  std::size_t end = at + 1;
  while (end < text.size() && text[end] != rest[0]) end += text[end] == '\\' ? 2 : 1;
  return std::min(end + 1, text.size());
}

// The text without comments, string and character literals, and preprocessor directives: a macro
// that expands to device keywords is no device code, nor is a message that mentions them.
std::string code_of(std::string_view text) {
  std::string code;
  for (std::size_t at = 0; at < text.size();) {
    if (const std::size_t end = end_of_non_code(text, at); end != at) {
      at = end;
      continue;
    }
    code += text[at++];
  }
  std::istringstream lines(code);
  std::string result;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find_first_not_of(" \t");
    if (first == std::string::npos || line[first] != '#') result += line + "\n";
  }
  return result;
}

struct Report {
  int files = 0;
  int includes = 0;
  std::vector<std::string> breaches;
};

// The name in `#include "name"` or `<name>`; empty for any other line.
std::string included_name(std::string line) {
  std::erase_if(line, [](char c) { return c == ' ' || c == '\t'; });
  if (!line.starts_with("#include\"") && !line.starts_with("#include<")) return "";
  const std::size_t begin = std::string_view("#include<").size();
  return line.substr(begin, line.find_first_of("\">", begin) - begin);
}

void check_includes(const fs::path& file, const std::string& text, const fs::path& root,
                    Report& report) {
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    const std::string name = included_name(line);
    if (name.empty()) continue;
    const Origin origin = origin_of(name, file, root);
    ++report.includes;
    if (!may_include(file.generic_string(), origin)) {
      report.breaches.push_back(file.generic_string() + " includes " + name + ", of " +
                                name_of(origin) + ", which its folder may not");
    }
  }
}

void check_device_code(const fs::path& file, const std::string& text, Report& report) {
  const std::string code = code_of(text);
  for (const char* sign : {"__global__", "__device__", "__shared__", "__constant__", "<<<"}) {
    if (code.find(sign) != std::string::npos) {
      report.breaches.push_back(file.generic_string() + " has device code (" + sign +
                                "), which belongs in a .cu or .cuh file");
    }
  }
}

// Reads every source file of the rooms under `root`.
Report check_tree(const fs::path& root) {
  const std::set<std::string> host_suffixes = {".h", ".cpp", ".c"};
  const std::set<std::string> device_suffixes = {".cu", ".cuh"};
  const std::set<std::string> wrong_suffixes = {".cc", ".cxx", ".c++", ".hpp",
                                                ".hh", ".hxx", ".inl"};
  Report report;
  for (std::string_view room : kRooms) {
    if (!fs::exists(root / room)) continue;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / room)) {
      const fs::path file = entry.path().lexically_relative(root);
      const std::string suffix = file.extension().string();
      if (wrong_suffixes.contains(suffix)) {
        report.breaches.push_back(file.generic_string() + ": sources end in .h, .cpp, .cuh or .cu");
      }
      const bool on_host = host_suffixes.contains(suffix);
      if (!on_host && !device_suffixes.contains(suffix)) continue;
      ++report.files;
      const std::string text = read_file(entry.path());
      check_includes(file, text, root, report);
      if (on_host) check_device_code(file, text, report);
    }
  }
  return report;
}

std::string lines(const std::vector<std::string>& messages) {
  std::string text;
  for (const std::string& message : messages) text += message + "\n";
  return text;
}

// A source tree of its own in a temporary folder, removed at the end.
class MadeUpTree {
 public:
  MadeUpTree() {
    std::string pattern = (fs::temp_directory_path() / "fovea_rules_XXXXXX").string();
    root_ = mkdtemp(pattern.data());
    // A file in each room, so that includes of them lead somewhere; none breaks a rule.
    write("include/fovea/tensor.h", "#pragma once\n#include <vector>\n");
    write("include/fovea/detail/philox.h", "#define BOTH __host__ __device__\n");
    write("host/graph/graph.h", "#include \"fovea/tensor.h\"\n#include <zlib.h>\n");
    write("host/cli/run.h", "#include <CLI/CLI.hpp>\n");
    write("host/cpu/onednn/conv.cpp", "#include <dnnl.hpp>\n#include \"host/graph/graph.h\"\n");
    write("host/data/png/codec.cpp", "#include <png.h>\n#include \"fovea/tensor.h\"\n");
    write("kernels/relu.cu", "#include <cuda_fp16.h>\n__global__ void relu_kernel() {}\n");
    write("kernels/launch.cuh", "#include \"fovea/detail/philox.h\"\n");
    write("cuda/device.cpp", "#include <cudnn.h>\n#include \"kernels/launch.cuh\"\n");
    write("tests/graph/a_test.cpp", "#include \"host/graph/graph.h\"\n#include <gtest/gtest.h>\n");
    write("samples/train.cpp",
          "// no <<<launch>>> here\n#include \"fovea/tensor.h\"\n"
          "const char* a = R\"(\"<<<)\"; const char* b = \"\\\"__global__\"; int c = 1'000;\n");
  }
  ~MadeUpTree() { fs::remove_all(root_); }
  MadeUpTree(const MadeUpTree&) = delete;
  MadeUpTree& operator=(const MadeUpTree&) = delete;

  void write(const fs::path& file, const std::string& text) const {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }
  const fs::path& root() const { return root_; }

 private:
  fs::path root_;
};

TEST(IncludeRules, TheTreeKeepsThem) {
  const Report report = check_tree(FOVEA_SOURCE_DIR);
  EXPECT_GT(report.files, 30) << "too few files were read for this test to mean anything";
  EXPECT_GT(report.includes, 100);
  EXPECT_TRUE(report.breaches.empty()) << lines(report.breaches);
}

TEST(IncludeRules, ATreeThatKeepsThemIsAccepted) {
  const MadeUpTree tree;
  const Report report = check_tree(tree.root());
  EXPECT_EQ(report.files, 11);
  EXPECT_TRUE(report.breaches.empty()) << lines(report.breaches);
}

struct Breach {
  const char* name;
  const char* file;
  const char* text;
  const char* message;
};

class IncludeRulesBreach : public testing::TestWithParam<Breach> {};

TEST_P(IncludeRulesBreach, IsReported) {
  const Breach& breach = GetParam();
  const MadeUpTree tree;
  tree.write(breach.file, breach.text);
  const Report report = check_tree(tree.root());
  ASSERT_EQ(report.breaches.size(), 1u) << lines(report.breaches);
  EXPECT_NE(report.breaches[0].find(breach.message), std::string::npos) << report.breaches[0];
}

INSTANTIATE_TEST_SUITE_P(
    All, IncludeRulesBreach,
    testing::Values(
        Breach{"PublicHeaderUsesHost", "include/fovea/a.h", "#include \"host/graph/graph.h\"\n",
               "include/fovea/a.h includes host/graph/graph.h, of host/"},
        Breach{"PublicHeaderUsesThirdParty", "include/fovea/a.h", "#  include <zlib.h>\n",
               "zlib.h, of a system or third-party library"},
        Breach{"PublicHeaderUsesCuda", "include/fovea/a.h", "#include <cuda_runtime.h>\n",
               "cuda_runtime.h, of the CUDA toolkit"},
        Breach{"HostUsesCuda", "host/a.cpp", "#include <vector>\n#include <cuda_runtime_api.h>\n",
               "cuda_runtime_api.h, of the CUDA toolkit"},
        Breach{"HostUsesCudaRoom", "host/a.cpp", "#include \"kernels/launch.cuh\"\n",
               "kernels/launch.cuh, of kernels/"},
        Breach{"HostUsesItByRelativePath", "host/a/b.cpp",
               "#include \"../../kernels/launch.cuh\"\n", "of kernels/"},
        Breach{"OneDnnOutsideThePlugin", "host/graph/a.cpp", "#include <dnnl.hpp>\n",
               "dnnl.hpp, of oneDNN"},
        Breach{"ImageLibraryOutsideItsPlugin", "host/data/a.cpp", "#include <jpeglib.h>\n",
               "jpeglib.h, of an image library"},
        Breach{"ContainerOutsideItsPlugin", "host/io/a.cpp", "#include <hdf5.h>\n",
               "hdf5.h, of a library for model files"},
        Breach{"LibraryUsesTheCommand", "host/a.cpp", "#include \"host/cli/run.h\"\n",
               "of host/cli/"},
        Breach{"KernelUsesHost", "kernels/a.cu", "#include \"host/graph/graph.h\"\n", "of host/"},
        Breach{"KernelUsesTensor", "kernels/a.cu", "#include \"fovea/tensor.h\"\n",
               "fovea/tensor.h, of the public API"},
        Breach{"KernelUsesCudnn", "kernels/a.cu", "#include <cudnn.h>\n",
               "cudnn.h, of a CUDA library"},
        Breach{"SampleUsesHost", "samples/a.cpp", "#include \"host/graph/graph.h\"\n", "of host/"},
        Breach{"CommandUsesHost", "host/cli/a.cpp", "#include \"host/graph/graph.h\"\n",
               "of host/"},
        Breach{"DeviceCodeInCpp", "cuda/a.cpp", "__global__ void k();\n", "(__global__)"},
        Breach{"LaunchInHeader", "kernels/a.h", "void f() { k<<<1, 2>>>(); }\n", "(<<<)"},
        Breach{"WrongSuffix", "host/a.cc", "", "host/a.cc: sources end in"}),
    [](const testing::TestParamInfo<Breach>& breach) { return breach.param.name; });

}  // namespace
