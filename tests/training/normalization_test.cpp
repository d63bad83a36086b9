// SPDX-License-Identifier: MIT
// The constants of normalisation travel with the weights, to the bit; bad ones are refused.
#include <map>
#include <string>

#include "checkpoint_fixture.h"
#include "small_run.h"
#include <dropmuon/training/weights_file.h>

using namespace dropmuon;

namespace {

using Metadata = std::map<std::string, std::string>;

// What reading a weights file with this metadata comes to.
std::string refusal(const std::string& path, const Metadata& metadata) {
  spill(path, write_safetensors({{{"a", {1}, {1.0F}}}, metadata}));
  try {
    read_weights(path);
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::bad_data);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("constants of normalisation come back with every bit, from weights and checkpoints") {
  const ::RunFolder folder;
  const Normalization odd{{0.1F, 1.0F / 3.0F, 0.0F}, {1e-30F, 3.0F / 7.0F, 12345.678F}};
  Checkpoint checkpoint = make_checkpoint(7);
  CheckpointStore store(folder.checkpoints(), 2);
  store.save(checkpoint);
  CHECK_FALSE(store.load_newest("")->checkpoint.normalization);
  checkpoint.normalization = odd;
  store.save(checkpoint);
  CHECK(store.load_newest("")->checkpoint.normalization == odd);
  const std::string step = folder.checkpoints() + "/step_00000007";
  for (const std::string& path : {step, step + "/weights.safetensors", folder.checkpoints()}) {
    CHECK(read_weights(path).normalization == odd);
  }
  const auto backend = test_backend();
  const auto network = build_network({.channels = {3}}, {{6, 6, 1}, 10}, *backend);
  initialise(*network, *backend, 1);
  save_weights(folder / "w", *network, odd, *backend);
  CHECK(read_weights(folder / "w").normalization == odd);
}

TEST_CASE("damaged, incomplete and impossible constants are refused") {
  const ::RunFolder folder;
  const std::string path = folder / "w";
  const std::string mean = "normalization.mean";
  const std::string inverse_std = "normalization.inverse_std";
  CHECK(refusal(path, {{mean, "0.5"}, {inverse_std, "2"}}).empty());
  CHECK(refusal(path, {{mean, "0,1,0.25"}, {inverse_std, "1,2,3e3"}}).empty());
  for (const std::string bad :
       {"", "x", "0.5x", " 0.5", "0.5,", ",0.5", "nan", "inf", "-0.1", "1.5", "1e99", "0.5;0.5"}) {
    CAPTURE(bad);
    CHECK_THAT(refusal(path, {{mean, bad}, {inverse_std, "2"}}), Catch::Contains(mean));
  }
  for (const std::string bad : {"", "0", "-1", "nan", "inf", "1e99", "2,,2"}) {
    CAPTURE(bad);
    CHECK_THAT(refusal(path, {{mean, "0.5"}, {inverse_std, bad}}), Catch::Contains(inverse_std));
  }
  CHECK_THAT(refusal(path, {{mean, "0.5"}}), Catch::Contains("found one"));
  CHECK_THAT(refusal(path, {{inverse_std, "2"}}), Catch::Contains("found one"));
  CHECK_THAT(refusal(path, {{mean, "0.5,0.5"}, {inverse_std, "2"}}), Catch::Contains("2 and 1"));
  // Another digit in a file of ours is seen by its sum.
  const auto backend = test_backend();
  const auto network = build_network({.channels = {3}}, {{6, 6, 1}, 10}, *backend);
  initialise(*network, *backend, 1);
  save_weights(path, *network, {{0.25F}, {4.5F}}, *backend);
  std::string bytes = slurp(path);
  for (const std::string value : {"\"0.25\"", "\"4.5\""}) {
    std::string other = bytes;
    other[other.find(value) + 3] = '9';
    spill(path, other);
    CHECK_THROWS_WITH(read_weights(path), Catch::Contains("damaged"));
  }
}

TEST_CASE("a restored trainer takes the constants of its checkpoint") {
  const Experiment experiment = small_experiment();
  const auto backend = test_backend();
  Trainer first(*backend, experiment, small_dataset(experiment));
  const Normalization own = first.normalization();
  const Evaluation before = first.evaluate_test();
  first.set_normalization({{0.5F}, {2.0F}}, "here");
  CHECK(first.evaluate_test().loss != before.loss);
  const Evaluation moved = first.evaluate_test();
  const Checkpoint checkpoint = first.checkpoint();
  Trainer second(*backend, experiment, small_dataset(experiment));
  CHECK(second.normalization() == own);
  second.restore(checkpoint);
  CHECK(second.evaluate_test().loss == moved.loss);
  CHECK_THROWS_WITH(second.set_normalization({{0.5F, 0.5F}, {2.0F, 2.0F}}, "w"),
                    Catch::Contains("w: constants of normalisation for 2 channels"));
}
