// SPDX-License-Identifier: MIT
// The hash of a configuration names what is computed, not where it is written.
#include <string>
#include <vector>

#include "catch.h"
#include "config_fixture.h"

using namespace dropmuon;

namespace {

std::string hash_of(const std::vector<std::string>& overrides) {
  return config_hash(load_text("seed: 0\n", overrides));
}

}  // namespace

TEST_CASE("config hash: 8 digits that follow every value that enters the computation") {
  RunConfig config;
  const std::string hash = config_hash(config);
  CHECK(hash.size() == 8);
  CHECK(hash.find_first_not_of("0123456789abcdef") == std::string::npos);
  CHECK(config_hash(RunConfig{}) == hash);
  config.experiment.optimizer.lr += 1e-16;
  CHECK(config_hash(config) != hash);
  for (const std::string item :
       {"seed=1", "threads=3", "precision=bf16", "data.dataset=synthetic", "data.train_limit=7",
        "data.augment.flip=true", "model.channels=[64]", "sampling.scheme=cyclic",
        "schedule.type=cosine", "train.epochs=3", "train.max_seconds=9", "train.init_from=w",
        "train.eval_every_steps=5", "train.target.value=0.5", "train.non_finite.policy=skip"}) {
    CAPTURE(item);
    CHECK(hash_of({item}) != hash);
  }
  CHECK(hash_of({"train.target.value=0.5"}) !=
        hash_of({"train.target.value=0.5", "train.target.metric=test_loss"}));
}

TEST_CASE("config hash: where and how often something is written does not enter") {
  for (const std::string item :
       {"name=other", "runs_dir=/elsewhere", "data.root=/disk/data", "checkpoint.every_epochs=null",
        "checkpoint.every_steps=3", "checkpoint.keep=9", "checkpoint.best=false",
        "log.tensorboard=true", "train.log_every_steps=1"}) {
    CAPTURE(item);
    CHECK(hash_of({item}) == hash_of({}));
  }
}

// A rollback goes back to the state that was saved last, once somebody looks.
TEST_CASE(
    "config hash: when something is saved or looked at enters where a run may go back to it") {
  for (const std::string item : {"checkpoint.every_epochs=null", "checkpoint.every_steps=3",
                                 "checkpoint.best=false", "train.log_every_steps=1"}) {
    CAPTURE(item);
    const auto differs = [&](const std::string& policy) {
      const std::string given = "train.non_finite.policy=" + policy;
      return hash_of({given, item}) != hash_of({given});
    };
    CHECK(differs("rollback"));
    CHECK_FALSE(differs("stop"));
    CHECK_FALSE(differs("skip"));
  }
  const std::string policy = "train.non_finite.policy=rollback";
  for (const std::string item : {"checkpoint.keep=9", "log.tensorboard=true", "name=other"}) {
    CAPTURE(item);
    CHECK(hash_of({policy, item}) == hash_of({policy}));
  }
}

// Folders and scripts keep these names; keys that are added later must not change them.
TEST_CASE("config hash: of the keys that are not at their default, in order") {
  CHECK(hash_of({}) == "e3b0c442");                                      // of no line at all
  CHECK(hash_of({"train.epochs=20"}) == hash_of({}));                    // the default, written out
  CHECK(hash_of({"train.epochs=3", "optimizer.lr=0.5"}) == "0d88485a");  // printf .. | sha256sum
}

TEST_CASE("config hash: that of the text of config.yaml stands beside it") {
  const RunConfig config = load_text("name: a\n");
  const ConfigHashes hashes = config_hashes(config, "abc");
  CHECK(hashes.own == config_hash(config));
  CHECK(hashes.of_text == "ba7816bf");  // SHA-256 of "abc"
}
