// SPDX-License-Identifier: MIT
// Files, IDX and CIFAR: what is read back, and what is refused with which words.
#include "files.h"
#include <dropmuon/dataset/cifar.h>
#include <dropmuon/dataset/idx.h>

using namespace dropmuon;
using namespace dropmuon::test;

namespace {

DataFile in_memory(const Bytes& bytes) { return {"some/file", bytes}; }

Bytes with_byte(Bytes bytes, std::size_t at, std::uint8_t value) {
  bytes.at(at) = value;
  return bytes;
}

Bytes resized(Bytes bytes, std::ptrdiff_t change) {
  bytes.resize(static_cast<std::size_t>(static_cast<std::ptrdiff_t>(bytes.size()) + change));
  return bytes;
}

Bytes joined(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

struct BadFile {
  const char* name;
  Bytes bytes;
  std::vector<std::string> words;
};

}  // namespace

TEST_CASE("a plain file and its gzipped twin have the same content") {
  const TempFolder folder;
  const Bytes bytes = idx_images(50, 28, 28);
  write(folder / "plain", bytes);
  write(folder / "packed.gz", gzip(bytes));
  CHECK((read_data_file(folder / "plain")->bytes == bytes));
  CHECK((read_data_file(folder / "packed")->bytes == bytes));
  CHECK(read_data_file(folder / "packed")->path == folder / "packed.gz");
}

TEST_CASE("the plain file is preferred, and no file is no error here") {
  const TempFolder folder;
  write(folder / "both", {1, 2, 3});
  write(folder / "both.gz", gzip({4, 5, 6}));
  CHECK(read_data_file(folder / "both")->bytes == Bytes{1, 2, 3});
  CHECK(read_data_file(folder / "both")->path == folder / "both");
  CHECK_FALSE(read_data_file(folder / "neither").has_value());
  CHECK_FALSE(read_data_file(folder / "no-folder/neither").has_value());
}

TEST_CASE("highly packed and empty gzip files unpack") {
  const TempFolder folder;
  write(folder / "zeros.gz", gzip(Bytes(3'000'000, 0)));
  write(folder / "empty.gz", gzip({}));
  CHECK((read_data_file(folder / "zeros")->bytes == Bytes(3'000'000, 0)));
  CHECK(read_data_file(folder / "empty")->bytes.empty());
}

TEST_CASE("the members of a gzip file are read one after another, and zeros may follow") {
  const TempFolder folder;
  const Bytes bytes = idx_images(40, 9, 7);
  for (const std::ptrdiff_t cut : {0, 1, 16, 1000}) {
    const Bytes first(bytes.begin(), bytes.begin() + cut);
    const Bytes rest(bytes.begin() + cut, bytes.end());
    write(folder / "file.gz", joined(joined(gzip(first), gzip(rest)), gzip({})));
    CHECK((read_data_file(folder / "file")->bytes == bytes));
    write(folder / "file.gz", joined(joined(gzip(first), gzip(rest)), Bytes(1024, 0)));
    CHECK((read_data_file(folder / "file")->bytes == bytes));
    CHECK(read_data_head(folder / "file", 16)->bytes == Bytes(bytes.begin(), bytes.begin() + 16));
  }
  // The limit is on all of them together.
  write(folder / "file.gz", joined(gzip(Bytes(600, 1)), gzip(Bytes(600, 1))));
  CHECK(read_data_file(folder / "file", 1200)->bytes.size() == 1200);
  expect_error(ExitCode::bad_data, {"offset 1199 of the unpacked", "at most 1199 bytes"},
               [&] { read_data_file(folder / "file", 1199); });
}

TEST_CASE("the size limit holds for plain and for unpacked content") {
  const TempFolder folder;
  write(folder / "plain", Bytes(1000, 1));
  write(folder / "packed.gz", gzip(Bytes(1000, 1)));
  CHECK(read_data_file(folder / "plain", 1000)->bytes.size() == 1000);
  CHECK(read_data_file(folder / "packed", 1000)->bytes.size() == 1000);
  expect_error(ExitCode::bad_data, {folder / "plain", "offset 999", "at most 999 bytes"},
               [&] { read_data_file(folder / "plain", 999); });
  expect_error(ExitCode::bad_data,
               {folder / "packed.gz", "offset 999 of the unpacked", "at most 999 bytes"},
               [&] { read_data_file(folder / "packed", 999); });
}

TEST_CASE("damaged gzip files are refused with the offset of the damage") {
  const Bytes bytes = idx_images(5, 9, 7);
  const Bytes good = gzip(bytes);
  const std::string size = std::to_string(good.size());
  const std::vector<BadFile> cases{
      {"empty file", {}, {"offset 0 of the packed file", "truncated gzip"}},
      {"one byte", resized(good, 1 - std::ptrdiff_t(good.size())), {"offset 1 ", "truncated gzip"}},
      {"header only", Bytes(good.begin(), good.begin() + 10), {"offset 10 ", "truncated gzip"}},
      {"half", Bytes(good.begin(), good.begin() + good.size() / 2), {"truncated gzip"}},
      {"checksum cut off", resized(good, -8), {"truncated gzip"}},
      {"last byte cut off", resized(good, -1), {"truncated gzip", std::to_string(good.size() - 1)}},
      {"one trailing byte", joined(good, {9}), {"offset " + size, "1 trailing bytes"}},
      {"zeros, then a byte", joined(good, {0, 0, 9}), {"offset " + size, "3 trailing bytes"}},
      {"half a member's mark", joined(good, {0x1f}), {"offset " + size, "1 trailing bytes"}},
      {"second member cut", joined(good, resized(good, -1)), {"truncated gzip"}},
      {"second member's mark alone", joined(good, {0x1f, 0x8b}), {"truncated gzip"}},
      {"second member damaged",
       joined(good, with_byte(good, good.size() - 8, good[good.size() - 8] ^ 1)),
       {"damaged gzip", "incorrect data check"}},
      {"bytes after two members",
       joined(joined(good, good), {9}),
       {"offset " + std::to_string(2 * good.size()), "1 trailing bytes"}},
      {"not gzip at all", bytes, {"damaged gzip", "incorrect header check"}},
      {"wrong method", with_byte(good, 2, 7), {"damaged gzip", "unknown compression method"}},
      {"checksum wrong",
       with_byte(good, good.size() - 8, good[good.size() - 8] ^ 1),
       {"damaged gzip", "incorrect data check"}},
      {"length wrong",
       with_byte(good, good.size() - 4, good[good.size() - 4] ^ 1),
       {"damaged gzip", "incorrect length check"}},
      {"block type wrong", with_byte(good, 10, 0x07), {"damaged gzip", "invalid block type"}},
  };
  for (const BadFile& bad : cases) {
    DYNAMIC_SECTION(bad.name) {
      const TempFolder folder;
      write(folder / "file.gz", bad.bytes);
      std::vector<std::string> words = bad.words;
      words.push_back(folder / "file.gz");
      expect_error(ExitCode::bad_data, words, [&] { read_data_file(folder / "file"); });
    }
  }
}

TEST_CASE("every truncation of a gzip file is refused") {
  const TempFolder folder;
  const Bytes good = gzip(idx_labels(40));
  for (std::size_t size = 0; size < good.size(); ++size) {
    write(folder / "file.gz",
          Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)));
    expect_error(ExitCode::bad_data, {"truncated gzip"}, [&] { read_data_file(folder / "file"); });
  }
}

TEST_CASE("a folder in the place of a file is refused") {
  const TempFolder folder;
  std::filesystem::create_directories(folder / "file");
  expect_error(ExitCode::bad_data, {folder / "file", "regular file"},
               [&] { read_data_file(folder / "file"); });
}

TEST_CASE("a folder in the place of a file does not hide the packed file") {
  const TempFolder folder;
  std::filesystem::create_directories(folder / "file/below");
  write(folder / "file.gz", gzip({4, 5, 6}));
  CHECK(read_data_file(folder / "file")->bytes == Bytes{4, 5, 6});
  CHECK(read_data_file(folder / "file")->path == folder / "file.gz");
  CHECK(read_data_head(folder / "file", 2)->bytes == Bytes{4, 5});
}

TEST_CASE("IDX images and labels are read back") {
  const Bytes bytes = idx_images(3, 5, 7);
  const IdxImages images = parse_idx_images(in_memory(bytes));
  CHECK(images.count() == 3);
  CHECK(images.image == ImageShape{5, 7, 1});
  CHECK(images.pixels == Bytes(bytes.begin() + 16, bytes.end()));

  const Bytes labels = idx_labels(23);
  CHECK(parse_idx_labels(in_memory(labels)) == Bytes(labels.begin() + 8, labels.end()));
}

TEST_CASE("malformed IDX image files are refused with the offset") {
  const Bytes good = idx_images(3, 5, 7);  // 16 + 105 bytes
  const std::vector<BadFile> cases{
      {"empty", {}, {"offset 0:", "header of 16 bytes"}},
      {"cut in the magic", resized(good, 3 - 121), {"offset 3:", "header of 16 bytes"}},
      {"cut in the header", resized(good, 15 - 121), {"offset 15:", "header of 16 bytes"}},
      {"labels magic",
       with_byte(good, 3, 1),
       {"offset 0:", "0x00000803", "0x00000801", "a labels file", "swapped"}},
      {"gzip without .gz", gzip(good), {"offset 0:", "0x1f8b", "must end in .gz"}},
      {"float elements", with_byte(good, 2, 0x0d), {"offset 0:", "0x00000d03"}},
      {"byte order swapped", idx({0x03080000, 3, 5, 7}, 105), {"offset 0:", "0x03080000"}},
      {"zero images", idx({0x803, 0, 5, 7}, 0), {"offset 4:", "zero"}},
      {"no rows", idx({0x803, 3, 0, 7}, 0), {"offset 8:", "height", "found 0"}},
      {"no columns", idx({0x803, 3, 5, 0}, 0), {"offset 12:", "width", "found 0"}},
      {"too high", idx({0x803, 1, 1025, 1}, 1025), {"offset 8:", "1 to 1024", "found 1025"}},
      {"too wide", idx({0x803, 1, 1, 0xffffffff}, 1), {"offset 12:", "found 4294967295"}},
      {"count beyond the file",
       idx({0x803, 0xffffffff, 1024, 1024}, 105),
       {"offset 121:", "truncated", "4503599626321936 bytes"}},
      {"one pixel short", resized(good, -1), {"offset 120:", "truncated", "121 bytes"}},
      {"one image short", resized(good, -35), {"offset 86:", "truncated"}},
      {"header only", resized(good, -105), {"offset 16:", "truncated"}},
      {"one trailing byte", resized(good, 1), {"offset 121:", "1 trailing bytes"}},
      {"one image too many", resized(good, 35), {"offset 121:", "35 trailing bytes"}},
  };
  for (const BadFile& bad : cases) {
    DYNAMIC_SECTION(bad.name) {
      std::vector<std::string> words = bad.words;
      words.push_back("some/file");
      expect_error(ExitCode::bad_data, words, [&] { parse_idx_images(in_memory(bad.bytes)); });
    }
  }
}

TEST_CASE("malformed IDX label files are refused with the offset") {
  const Bytes good = idx_labels(12);  // 8 + 12 bytes
  const std::vector<BadFile> cases{
      {"empty", {}, {"offset 0:", "header of 8 bytes"}},
      {"cut in the header", resized(good, 7 - 20), {"offset 7:", "header of 8 bytes"}},
      {"images magic", with_byte(good, 3, 3), {"offset 0:", "an images file", "swapped"}},
      {"gzip without .gz", gzip(good), {"offset 0:", "must end in .gz"}},
      {"zero labels", idx({0x801, 0}, 0), {"offset 4:", "labels", "zero"}},
      {"one short", resized(good, -1), {"offset 19:", "truncated", "20 bytes"}},
      {"one trailing", resized(good, 1), {"offset 20:", "1 trailing bytes"}},
      {"first label 10", with_byte(good, 8, 10), {"offset 8:", "label 0-9", "found 10"}},
      {"last label 255", with_byte(good, 19, 255), {"offset 19:", "label 0-9", "found 255"}},
      {"two bad labels, the first is named",
       with_byte(with_byte(good, 12, 77), 15, 99),
       {"offset 12:", "found 77"}},
  };
  for (const BadFile& bad : cases) {
    DYNAMIC_SECTION(bad.name) {
      std::vector<std::string> words = bad.words;
      words.push_back("some/file");
      expect_error(ExitCode::bad_data, words, [&] { parse_idx_labels(in_memory(bad.bytes)); });
    }
  }
}

TEST_CASE("CIFAR rows become labels and pixels with the channels last") {
  const Bytes bytes = cifar_rows(12);
  Split split;
  append_cifar_rows(in_memory(bytes), split);
  append_cifar_rows(in_memory(cifar_rows(2)), split);
  REQUIRE(split.count() == 14);
  REQUIRE(split.images.size() == 43008);
  CHECK(split.labels == Bytes{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 0, 1});
  std::size_t wrong = 0;
  for (std::size_t n = 0; n < 14; ++n) {
    const std::size_t row = n < 12 ? n : n - 12;
    for (std::size_t y = 0; y < 32; ++y) {
      for (std::size_t x = 0; x < 32; ++x) {
        for (std::size_t c = 0; c < 3; ++c) {
          const std::uint8_t found = split.images[((n * 32 + y) * 32 + x) * 3 + c];
          wrong += found != bytes[row * 3073 + 1 + (c * 32 + y) * 32 + x] ? 1 : 0;
        }
      }
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("malformed CIFAR files are refused with the offset") {
  const Bytes good = cifar_rows(4);
  const std::vector<BadFile> cases{
      {"empty", {}, {"offset 0:", "zero"}},
      {"one byte", {3}, {"offset 0:", "rows of 3073 bytes", "has 1"}},
      {"row cut short", resized(good, -1), {"offset 9219:", "has 3072"}},
      {"trailing byte", resized(good, 1), {"offset 12292:", "has 1"}},
      {"first label 10", with_byte(good, 0, 10), {"offset 0:", "label 0-9", "found 10"}},
      {"last label 200", with_byte(good, 9219, 200), {"offset 9219:", "label 0-9", "found 200"}},
  };
  for (const BadFile& bad : cases) {
    DYNAMIC_SECTION(bad.name) {
      std::vector<std::string> words = bad.words;
      words.push_back("some/file");
      Split split;
      expect_error(ExitCode::bad_data, words,
                   [&] { append_cifar_rows(in_memory(bad.bytes), split); });
    }
  }
}
