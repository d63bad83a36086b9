// SPDX-License-Identifier: MIT
// The safetensors reader takes what the writer makes and refuses everything else it is offered
// here.
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

#include <unistd.h>

#include "catch.h"
#include "safetensors_fixture.h"

using namespace dropmuon;

namespace {

const std::string kMeta = R"("__metadata__":{"k":"v"})";
const std::string kFirst = R"("a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]})";
const std::string kSecond = R"("b":{"dtype":"F32","shape":[],"data_offsets":[24,28]})";
const std::string kGood = "{" + kMeta + "," + kFirst + "," + kSecond + "}";
constexpr std::size_t kData = 28;

struct Edit {  // of kGood: the first `from` becomes `to`
  const char* from;
  const char* to;
  const char* message;
};

const Edit kEdits[] = {
    // no JSON
    {"{\"__", "{{\"__", "no JSON"},
    {"{\"__", "{,\"__", "no JSON"},
    {"{\"__", "[{\"__", "does not start with '{'"},
    {"{\"__", " {\"__", "does not start with '{'"},
    {"{\"__", "\xef\xbb\xbf{\"__", "does not start with '{'"},
    {"{\"__", "", "does not start with '{'"},
    {"{\"__", "{// comment\n\"__", "no JSON"},
    {"{\"__", "{/* comment */\"__", "no JSON"},
    {"28]}}", "28]}", "no JSON"},
    {"28]}}", "28]}}}", "no JSON"},
    {"28]}}", "28]}}{}", "no JSON"},
    {"28]}}", "28]}}x", "no JSON"},
    {"28]}}", "28]}},", "no JSON"},
    {"28]}}", "28]},}", "no JSON"},
    {"28]}}", "28],}}", "no JSON"},
    {"28]}}", "28,]}}", "no JSON"},
    {"28]}}", "28}}", "no JSON"},
    {"28]}}", "28]]}}", "no JSON"},
    {"\"a\":", "\"a\"", "no JSON"},
    {"\"a\":", "a:", "no JSON"},
    {"\"a\":", "'a':", "no JSON"},
    {"\"a\":", "\"a:", "no JSON"},
    {"\"a\":", "1:", "no JSON"},
    {"\"a\":", "null:", "no JSON"},
    {"\"a\":", "\"\\x\":", "no JSON"},
    {"\"a\":", "\"\\ud800\":", "no JSON"},
    {"\"a\":", "\"\\udc00\\ud800\":", "no JSON"},
    {"\"a\":", "\"a\tb\":", "no JSON"},
    {"\"a\":", "\"a\nb\":", "no JSON"},
    {"[2,3]", "[2 3]", "no JSON"},
    {"[2,3]", "[02,3]", "no JSON"},
    {"[2,3]", "[+2,3]", "no JSON"},
    {"[2,3]", "[0x2,3]", "no JSON"},
    {"[2,3]", "[2.,3]", "no JSON"},
    {"[2,3]", "[NaN,3]", "no JSON"},
    {"[2,3]", "[Infinity]", "no JSON"},
    {"[2,3]", "(2,3)", "no JSON"},
    // no UTF-8
    {"\"a\":", "\"\xff\":", "no UTF-8"},
    {"\"a\":", "\"\x80\":", "no UTF-8"},
    {"\"a\":", "\"\xc0\x80\":", "no UTF-8"},
    {"\"a\":", "\"\xc3\":", "no UTF-8"},
    {"\"a\":", "\"\xe2\x82\":", "no UTF-8"},
    {"\"a\":", "\"\xed\xa0\x80\":", "no UTF-8"},
    {"\"a\":", "\"\xf5\x80\x80\x80\":", "no UTF-8"},
    {"\"a\":", "\"\xe0\x80\xaf\":", "no UTF-8"},
    {"\"v\"", "\"\xfe\"", "no UTF-8"},
    {"\"F32\"", "\"F32\xff\"", "no UTF-8"},
    // names
    {"\"a\":", "\"\":", "'' is no name"},
    {"\"a\":", "\"x\\u0000\":", "'x?' is no name"},
    {"\"a\":", "\"x\\ny\":", "'x?y' is no name"},
    {"\"a\":", "\"x\\u007f\":", "'x?' is no name"},
    {"\"a\":", "\"\\u001b[2J\":", "'?[2J' is no name"},
    {"\"a\":", "\"b\":", "'b' is there twice"},
    {"\"a\":", "\"\\u0062\":", "'b' is there twice"},
    {"\"a\":", "\"__metadata__\":", "'__metadata__' is there twice"},
    // metadata
    {"{\"k\":\"v\"}", "{\"k\":1}", "'__metadata__' has a number as 'k'"},
    {"{\"k\":\"v\"}", "{\"k\":-1}", "a negative number as 'k'"},
    {"{\"k\":\"v\"}", "{\"k\":1.5}", "no 64-bit whole number as 'k'"},
    {"{\"k\":\"v\"}", "{\"k\":null}", "null as 'k' instead of a string"},
    {"{\"k\":\"v\"}", "{\"k\":true}", "a truth value as 'k'"},
    {"{\"k\":\"v\"}", "{\"k\":[]}", "an array as 'k'"},
    {"{\"k\":\"v\"}", "{\"k\":{}}", "an object as 'k'"},
    {"{\"k\":\"v\"}", "{\"k\":\"v\",\"k\":\"v\"}", "'k' twice"},
    {"{\"k\":\"v\"}", "null", "'__metadata__' has null instead of an object"},
    {"{\"k\":\"v\"}", "[]", "'__metadata__' has an array instead of an object"},
    {"{\"k\":\"v\"}", "\"v\"", "'__metadata__' has a string instead of an object"},
    {"{\"k\":\"v\"}", "0", "'__metadata__' has a number instead of an object"},
    // the entry of a tensor
    {"{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[24,28]}", "null", "'b' has null instead"},
    {"{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[24,28]}", "[]", "'b' has an array instead"},
    {"{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[24,28]}", "7", "'b' has a number instead"},
    {"{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[24,28]}", "{}", "'b' has no dtype"},
    {"\"dtype\":\"F32\",", "", "'a' has no dtype"},
    {"\"shape\":[2,3],", "", "'a' has no shape"},
    {",\"data_offsets\":[0,24]", "", "'a' has no data_offsets"},
    {"\"dtype\":", "\"Dtype\":", "'a' has unknown key 'Dtype'"},
    {"\"dtype\":", "\"x\":[[[[]]]],\"dtype\":", "'a' has unknown key 'x'"},
    {"\"dtype\":", "\"dtype\":\"F32\",\"dtype\":", "'a' has dtype twice"},
    {"\"shape\":", "\"shape\":[2,3],\"shape\":", "'a' has shape twice"},
    {"\"shape\":", "\"\\u0073hape\":[2,3],\"shape\":", "'a' has shape twice"},
    {"\"data_offsets\":", "\"data_offsets\":[0,24],\"data_offsets\":",
     "'a' has data_offsets twice"},
    // dtype
    {"\"F32\"", "\"\"", "'a' has the unknown dtype ''"},
    {"\"F32\"", "\"f32\"", "'a' has the unknown dtype 'f32'"},
    {"\"F32\"", "\"F32 \"", "'a' has the unknown dtype 'F32 '"},
    {"\"F32\"", "\"F32\\u0000\"", "'a' has the unknown dtype 'F32?'"},
    {"\"F32\"", "\"F31\"", "'a' has the unknown dtype 'F31'"},
    {"\"F32\"", "\"float32\"", "'a' has the unknown dtype 'float32'"},
    {"\"F32\"", "\"F16\"", "'a' has dtype F16, expected F32"},
    {"\"F32\"", "\"BF16\"", "'a' has dtype BF16, expected F32"},
    {"\"F32\"", "\"I32\"", "'a' has dtype I32, expected F32"},
    {"\"F32\"", "\"U32\"", "'a' has dtype U32, expected F32"},
    {"\"F32\"", "\"F64\"", "'a' has dtype F64, expected F32"},
    {"\"F32\"", "\"BOOL\"", "'a' has dtype BOOL, expected F32"},
    {"\"F32\"", "null", "'a' has null as dtype"},
    {"\"F32\"", "32", "'a' has a number as dtype"},
    {"\"F32\"", "[\"F32\"]", "'a' has an array as dtype"},
    {"\"F32\"", "{}", "'a' has an object as dtype"},
    // shape
    {"[2,3]", "null", "'a' has null as shape"},
    {"[2,3]", "6", "'a' has a number as shape"},
    {"[2,3]", "\"2,3\"", "'a' has a string as shape"},
    {"[2,3]", "{}", "'a' has an object as shape"},
    {"[2,3]", "[-2,-3]", "'a' has a negative number in shape"},
    {"[2,3]", "[-0]", "'a' has a negative number in shape"},
    {"[2,3]", "[2.0,3]", "'a' has a number that is no 64-bit whole number in shape"},
    {"[2,3]", "[2e0,3]", "'a' has a number that is no 64-bit whole number in shape"},
    {"[2,3]", "[18446744073709551616]", "'a' has a number that is no 64-bit whole number in shape"},
    {"[2,3]", "[1e999]", "no JSON"},
    {"[2,3]", "[\"2\",3]", "'a' has a string in shape"},
    {"[2,3]", "[true,3]", "'a' has a truth value in shape"},
    {"[2,3]", "[null]", "'a' has null in shape"},
    {"[2,3]", "[[2,3]]", "'a' has an array in shape"},
    {"[2,3]", "[{}]", "'a' has an object in shape"},
    {"[2,3]", "[]", "24 bytes, its shape takes 4"},
    {"[2,3]", "[0]", "24 bytes, its shape takes 0"},
    {"[2,3]", "[2,2]", "24 bytes, its shape takes 16"},
    {"[2,3]", "[7]", "24 bytes, its shape takes 28"},
    {"[2,3]", "[2,3,2]", "24 bytes, its shape takes 48"},
    {"[2,3]", "[18446744073709551615]", "'a' has a shape whose size overflows"},
    {"[2,3]", "[9223372036854775808]", "'a' has a shape whose size overflows"},
    {"[2,3]", "[4611686018427387904]", "'a' has a shape whose size overflows"},
    {"[2,3]", "[4294967296,4294967296]", "'a' has a shape whose size overflows"},
    {"[2,3]", "[4611686018427387910]", "'a' has a shape whose size overflows"},  // 24 modulo 2^64
    {"[2,3]", "[0,4294967296,4294967296]", "'a' has a shape whose size overflows"},
    {"[2,3]", "[4294967296,4294967296,0]", "'a' has a shape whose size overflows"},
    // offsets
    {"[0,24]", "null", "'a' has null as data_offsets"},
    {"[0,24]", "24", "'a' has a number as data_offsets"},
    {"[0,24]", "\"0,24\"", "'a' has a string as data_offsets"},
    {"[0,24]", "{}", "'a' has an object as data_offsets"},
    {"[0,24]", "[]", "'a' has 0 data_offsets instead of 2"},
    {"[0,24]", "[24]", "'a' has 1 data_offsets instead of 2"},
    {"[0,24]", "[0,24,28]", "'a' has 3 data_offsets instead of 2"},
    {"[0,24]", "[-0,24]", "'a' has a negative number in data_offsets"},
    {"[0,24]", "[-24,0]", "'a' has a negative number in data_offsets"},
    {"[0,24]", "[0,24.0]", "'a' has a number that is no 64-bit whole number in data_offsets"},
    {"[0,24]", "[0,\"24\"]", "'a' has a string in data_offsets"},
    {"[0,24]", "[[0,24]]", "'a' has an array in data_offsets"},
    {"[0,24]", "[0,null]", "'a' has null in data_offsets"},
    {"[0,24]", "[24,0]", "it ends before it begins"},
    {"[0,24]", "[0,29]", "lies at 0..29 of 28 bytes"},
    {"[0,24]", "[0,18446744073709551615]", "of 28 bytes"},
    {"[0,24]", "[18446744073709551592,18446744073709551615]", "of 28 bytes"},
    {"[0,24]", "[4,28]", "'a' lies at 4..28: a hole from 0 on"},
    {"[0,24]", "[0,20]", "20 bytes, its shape takes 24"},
    {"[0,24]", "[0,0]", "0 bytes, its shape takes 24"},
    {"[0,24]", "[0,23]", "23 bytes, its shape takes 24"},
    {"[24,28]", "[20,24]", "'b' lies at 20..24: it overlaps"},
    {"[24,28]", "[0,4]", "'a' lies at 0..24: it overlaps"},
    {"[24,28]", "[23,27]", "'b' lies at 23..27: it overlaps"},
    {"[24,28]", "[25,28]", "'b' lies at 25..28: a hole from 24 on"},
    {"[24,28]", "[28,28]", "'b' lies at 28..28: a hole from 24 on"},
    {"[24,28]", "[28,32]", "'b' lies at 28..32 of 28 bytes"},
    {"[24,28]", "[24,27]", "3 bytes, its shape takes 4"},
};

std::string edited(const Edit& edit) {
  std::string header = kGood;
  const std::size_t at = header.find(edit.from);
  REQUIRE(at != std::string::npos);
  return header.replace(at, std::strlen(edit.from), edit.to);
}

}  // namespace

TEST_CASE("safetensors: malformed headers are refused, each with its reason") {
  REQUIRE(safetensors_refusal(with_header(kGood, kData)).empty());
  CHECK(std::size(kEdits) >= 120);
  for (const Edit& edit : kEdits) {
    CAPTURE(edit.from, edit.to);
    CHECK_THAT(safetensors_refusal(with_header(edited(edit), kData)),
               Catch::Contains(edit.message));
  }
}

TEST_CASE("safetensors: lengths that do not fit are refused") {
  const std::string whole = with_header(kGood, kData);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(safetensors_refusal(whole.substr(0, size)).empty());
  }
  CHECK_THAT(safetensors_refusal(whole + "x"), Catch::Contains("1 bytes belong to no tensor"));
  CHECK_THAT(safetensors_refusal(with_header("{}", 9)),
             Catch::Contains("9 bytes belong to no tensor"));
  CHECK_THAT(safetensors_refusal(with_length(0, "")), Catch::Contains("does not start with '{'"));
  CHECK_THAT(safetensors_refusal(with_length(0, "{}")), Catch::Contains("does not start with '{'"));
  CHECK_THAT(safetensors_refusal(with_length(3, "{}")),
             Catch::Contains("header of 3 bytes in a file of 10"));
  CHECK_THAT(safetensors_refusal(with_length(100'000'001, "{}")),
             Catch::Contains("at most 100000000"));
  CHECK_THAT(safetensors_refusal(with_length(100'000'000, "{}")),
             Catch::Contains("in a file of 10"));
  for (const int bit : {32, 40, 62, 63}) {
    CHECK_THAT(safetensors_refusal(with_length(2 + (1ULL << bit), "{}")),
               Catch::Contains("are accepted"));
  }
  CHECK_THAT(safetensors_refusal(with_length(~0ULL, "{}")), Catch::Contains("are accepted"));
  CHECK_THAT(safetensors_refusal(with_length(~0ULL - 7, "{}")), Catch::Contains("are accepted"));
  // The length is what makes a header: one byte more or less and the file says something else.
  CHECK_FALSE(safetensors_refusal(with_length(kGood.size() - 1, whole.substr(8))).empty());
  CHECK_FALSE(safetensors_refusal(with_length(kGood.size() + 1, whole.substr(8))).empty());
}

TEST_CASE("safetensors: a zero byte does not hide what follows it") {
  using namespace std::string_literals;
  CHECK_THAT(safetensors_refusal(with_header("{}\0"s, 0)), Catch::Contains("a zero byte"));
  CHECK_THAT(safetensors_refusal(with_header("{}\0{\"a\":1}"s, 0)), Catch::Contains("a zero byte"));
}

TEST_CASE("safetensors: refusals stay short and on one line") {
  const std::string name(100'000, 'n');
  const std::string text = safetensors_refusal(with_header("{\"" + name + "\":7}", 0));
  CHECK(text.size() < 200);
  CHECK_THAT(text, Catch::Contains("nnn...' has a number instead of an object"));
  std::string wide;
  for (int i = 0; i < 100; ++i) wide += "\xe2\x82\xac";
  CHECK_THAT(safetensors_refusal(with_header("{\"x" + wide + "\":7}", 0)),
             Catch::Contains("\x82\xac...' has"));
  const std::string deep(200'000, '[');
  CHECK_FALSE(safetensors_refusal(with_header("{\"a\":" + deep, 0)).empty());
  CHECK_FALSE(safetensors_refusal(with_header("{\"a\":{\"shape\":" + deep, 0)).empty());
}

TEST_CASE("safetensors: what is written is read, to the bit") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  TensorFile file;
  file.tensors = {{"layers.0.weight", {2, 1, 3}, {1.5F, -0.0F, nan, INFINITY, 1e-45F, -3e38F}},
                  {"empty", {4, 0}, {}},
                  {"scalar", {}, {7.0F}},
                  {"caf\xc3\xa9 \"\\/", {1}, {8.0F}}};
  file.metadata = {{"", "empty key"}, {"line", "a\nb"}};
  const std::string bytes = write_safetensors(file);
  const TensorFile back = read_safetensors(bytes, "x");
  CHECK(back.metadata == file.metadata);
  REQUIRE(back.tensors.size() == file.tensors.size());
  for (std::size_t i = 0; i < file.tensors.size(); ++i) {
    CHECK(back.tensors[i].name == file.tensors[i].name);
    CHECK(back.tensors[i].shape == file.tensors[i].shape);
    REQUIRE(back.tensors[i].values.size() == file.tensors[i].values.size());
    CHECK(std::equal(back.tensors[i].values.begin(), back.tensors[i].values.end(),
                     file.tensors[i].values.begin(),
                     [](float a, float b) { return std::memcmp(&a, &b, sizeof(float)) == 0; }));
  }
  CHECK(write_safetensors(back) == bytes);
  CHECK(read_safetensors(write_safetensors({}), "x").tensors.empty());
  for (std::size_t letters = 1; letters <= 8; ++letters) {  // the tensors start aligned
    const std::string named = write_safetensors({{{std::string(letters, 'n'), {}, {1.0F}}}, {}});
    CHECK((named.size() - sizeof(float)) % 8 == 0);
  }
}

TEST_CASE("safetensors: white space and a late or missing __metadata__ are fine") {
  CHECK(safetensors_refusal(with_header("{" + kFirst + "," + kSecond + "," + kMeta + "}", kData))
            .empty());
  CHECK(safetensors_refusal(with_header("{ " + kFirst + " ,\n\t" + kSecond + "\r}   ", kData))
            .empty());
  CHECK(safetensors_refusal(with_header("{}", 0)).empty());
}

TEST_CASE("safetensors: the writer refuses what the reader would") {
  CHECK_THROWS_AS(write_safetensors({{{"a", {2}, {1.0F}}}, {}}), Error);
  CHECK_THROWS_AS(write_safetensors({{{"", {1}, {1.0F}}}, {}}), Error);
  CHECK_THROWS_AS(write_safetensors({{{"a\nb", {1}, {1.0F}}}, {}}), Error);
  CHECK_THROWS_AS(write_safetensors({{{"__metadata__", {1}, {1.0F}}}, {}}), Error);
  CHECK_THROWS_AS(write_safetensors({{{"a", {1}, {1.0F}}, {"a", {1}, {1.0F}}}, {}}), Error);
}

TEST_CASE("safetensors: numpy opens the file in three lines") {
  const std::string path =
      (std::filesystem::temp_directory_path() / fmt::format("dropmuon-numpy-{}", ::getpid()))
          .string();
  std::ofstream(path, std::ios::binary) << write_safetensors(
      {{{"a", {2, 2}, {1.5F, 2.5F, -3.0F, 4.0F}}, {"b", {}, {0.25F}}}, {{"step", "7"}}});
  const std::string script = R"(
import json, numpy as np
raw = open(')" + path + R"(', 'rb').read(); n = 8 + int.from_bytes(raw[:8], 'little')
w = {k: np.frombuffer(raw[n:][slice(*v['data_offsets'])], '<f4').reshape(v['shape'])
     for k, v in json.loads(raw[8:n]).items() if k != '__metadata__'}
assert list(w) == ['a', 'b'] and w['b'] == 0.25 and (w['a'] == [[1.5, 2.5], [-3, 4]]).all())";
  const auto run = [](const std::string& python, const std::string& code) {
    return std::system((python + " -c \"" + code + "\" 2>/dev/null").c_str());
  };
  std::string python = "python3";
  if (run(python, "import numpy") != 0) python = "/usr/bin/python3";  // Debian's, if ours has none
  if (run(python, "import numpy") != 0) {
    WARN("skipped: no python3 with numpy here");
  } else {
    CHECK(run(python, script) == 0);
  }
  std::filesystem::remove(path);
}
