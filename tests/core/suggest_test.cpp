// SPDX-License-Identifier: MIT
#include <string>
#include <vector>

#include "catch.h"
#include <dropmuon/core/suggest.h>

using namespace dropmuon;

TEST_CASE("edit distance counts single edits and neighbour swaps") {
  struct Case {
    std::string a, b;
    int distance;
  };
  const std::vector<Case> cases = {
      {"", "", 0},          {"", "abc", 3},      {"abc", "", 3},
      {"muon", "muon", 0},  {"muon", "moun", 1}, {"muon", "muo", 1},
      {"muon", "muons", 1}, {"muon", "mion", 1}, {"kitten", "sitting", 3},
      {"ab", "ba", 1},      {"ca", "abc", 3},    {"uniform", "full", 6},
  };
  for (const Case& c : cases) {
    INFO(c.a << " / " << c.b);
    CHECK(edit_distance(c.a, c.b) == c.distance);
    CHECK(edit_distance(c.b, c.a) == c.distance);
  }
}

TEST_CASE("the closest candidate wins, and nothing far away is suggested") {
  const std::vector<std::string> words = {"lr", "momentum", "nesterov", "weight_decay"};
  CHECK(closest("lt", words) == "lr");
  CHECK(closest("momentun", words) == "momentum");
  CHECK(closest("wieght_decay", words) == "weight_decay");
  CHECK(closest("weigth_deacy", words) == "weight_decay");
  CHECK(closest("weight", words).empty());
  CHECK(closest("xy", words).empty());
  CHECK(closest("", words).empty());
  CHECK(closest("epochs", words).empty());
  CHECK(closest("lr", {}).empty());
}

TEST_CASE("a candidate is not suggested when every letter of it would have to change") {
  const std::vector<std::string> words = {"a"};
  CHECK(closest("b", words).empty());
}

TEST_CASE("the first of two equally near candidates is suggested") {
  const std::vector<std::string> words = {"beta1", "beta2"};
  CHECK(closest("beta", words) == "beta1");
}

TEST_CASE("did_you_mean is a clause to append, or nothing") {
  const std::vector<std::string> words = {"uniform", "full"};
  CHECK(did_you_mean("unifrom", words) == "; did you mean 'uniform'?");
  CHECK(did_you_mean("cyclic", words).empty());
}
