// SPDX-License-Identifier: MIT
// The keys of a safetensors header may stand in any order; what counts is where the tensors lie.
#include <algorithm>
#include <string>
#include <vector>

#include "catch.h"
#include "safetensors_fixture.h"

using namespace dropmuon;

TEST_CASE("safetensors: the keys may stand in any order") {
  std::vector<std::string> keys = {R"("__metadata__":{"k":"v"})",
                                   R"("a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]})",
                                   R"("c":{"dtype":"F32","shape":[0],"data_offsets":[24,24]})",
                                   R"("b":{"dtype":"F32","shape":[],"data_offsets":[24,28]})",
                                   R"("0":{"dtype":"F32","shape":[1],"data_offsets":[28,32]})"};
  std::sort(keys.begin(), keys.end());
  int orders = 0;
  do {
    std::string header;
    for (const std::string& key : keys) header += (header.empty() ? "{" : ",") + key;
    std::string bytes = with_header(header + "}", 32);
    bytes[bytes.size() - 8] = '\2';  // the first byte of b
    CAPTURE(header);
    const TensorFile file = read_safetensors(bytes, "w.safetensors");
    REQUIRE(file.tensors.size() == 4);
    std::string names;
    for (const NamedTensor& tensor : file.tensors) names += tensor.name;
    CHECK(names == "acb0");  // by place
    CHECK(file.tensors[2].values[0] != file.tensors[3].values[0]);
    CHECK(file.metadata.at("k") == "v");
    std::string holed = header + "}";
    holed.replace(holed.find("[28,32]"), 7, "[32,36]");
    CHECK_THAT(safetensors_refusal(with_header(holed, 36)), Catch::Contains("a hole from 28 on"));
    holed.replace(holed.find("[32,36]"), 7, "[24,28]");
    CHECK_THAT(safetensors_refusal(with_header(holed, 28)), Catch::Contains("it overlaps"));
    ++orders;
  } while (std::next_permutation(keys.begin(), keys.end()));
  CHECK(orders == 120);
}
