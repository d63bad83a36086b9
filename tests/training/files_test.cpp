// SPDX-License-Identifier: MIT
// What a run writes: weights, metrics; and how it cuts batches.
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "catch.h"
#include "checkpoint_fixture.h"
#include "small_run.h"
#include <dropmuon/core/error.h>
#include <dropmuon/training/micro_batch.h>
#include <dropmuon/training/weights_file.h>

using namespace dropmuon;
namespace fs = std::filesystem;

namespace {

class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / fmt::format("dropmuon-test-{}", getpid())) {
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

void load(const std::string& path, Network& network, Backend& backend) {
  const SavedWeights weights = read_weights(path);
  set_weights(weights.tensors, weights.source, network, backend);
}

}  // namespace

TEST_CASE("weights survive a round trip and a damaged file is refused") {
  const Folder folder;
  const auto backend = test_backend();
  const auto build = [&](std::uint64_t seed) {
    auto network = build_network({.channels = {3, 4}}, {{6, 6, 1}, 10}, *backend);
    initialise(*network, *backend, seed);
    return network;
  };
  const auto first = build(1);
  const std::string path = folder / "w.safetensors";
  save_weights(path, *first, {{0.25F}, {4.0F}}, *backend);
  const auto second = build(2);
  load(path, *second, *backend);
  for (std::size_t p = 0; p < first->params().size(); ++p) {
    const auto values = [&](Network& network) {
      std::vector<float> copy(network.params()[p].size());
      backend->download(copy.data(), network.params()[p].value, copy.size() * sizeof(float));
      return copy;
    };
    CHECK(same_bits(values(*first), values(*second)));
  }
  CHECK_THROWS_AS(load(folder / "none", *second, *backend), Error);

  const std::string whole = slurp(path);
  const auto refused = [&](const std::string& content) {
    spill(folder / "bad", content);
    try {
      load(folder / "bad", *second, *backend);
    } catch (const Error& error) {
      return error.code() == ExitCode::bad_data;
    }
    return false;
  };
  for (std::size_t length = 0; length < whole.size(); length += length < 700 ? 1 : 101) {
    CAPTURE(length);
    CHECK(refused(whole.substr(0, length)));
  }
  std::string renamed = whole;
  renamed.replace(renamed.find("layers.0"), 8, "lavers.0");
  CHECK(refused(renamed));
  std::string reshaped = whole;
  reshaped.replace(reshaped.find("[3,3,3,1]"), 9, "[3,3,1,3]");
  CHECK(refused(reshaped));
  std::string shrunk = whole;
  shrunk.replace(shrunk.find("[0,108]"), 7, "[0,104]");
  CHECK(refused(shrunk));
  const auto other = build_network({.channels = {3, 4, 5}, .pool = {1}}, {{6, 6, 1}, 10}, *backend);
  CHECK_THROWS_WITH(load(path, *other, *backend), Catch::Contains("6 tensors, the model has 8"));
}

TEST_CASE("weights that cannot be written leave the old file alone") {
  const auto backend = test_backend();
  const auto network = build_network({.channels = {3}}, {{6, 6, 1}, 10}, *backend);
  try {
    save_weights("/proc/no-such-folder/w", *network, {{0.25F}, {4.0F}}, *backend);
    FAIL("written");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::cannot_write);
  }
}

TEST_CASE("metrics files hold what was measured and leave the rest empty") {
  const Folder folder;
  {
    MetricsWriter writer(folder.path(), 2);
    MetricsRow row;
    row.set(Metric::step, 12);
    row.set(Metric::test_accuracy, 0.91);
    row.set(Metric::running_loss, NAN);
    row.layers = {{.updates = 3, .update_ratio = 0.5, .steps_since_update = 0}, {}};
    writer.write(row);
  }
  CHECK(slurp(folder / "metrics.csv") ==
        "step,epoch,samples,train/running_loss,train/loss,train/accuracy,test/loss,test/accuracy,"
        "time/train_s,time/forward_s,time/backward_s,time/optimizer_s,perf/images_per_s,perf/flops,"
        "optim/lr,optim/layer_updates,layer/1/updates,layer/1/update_ratio,"
        "layer/1/steps_since_update,layer/2/updates,layer/2/update_ratio,"
        "layer/2/steps_since_update\n"
        "12,,,nan,,,,0.91,,,,,,,,,3,0.5,0,0,,\n");
  CHECK(slurp(folder / "metrics.jsonl") ==
        "{\"step\":12,\"train/running_loss\":null,\"test/accuracy\":0.91,\"layer/1/updates\":3,"
        "\"layer/1/update_ratio\":0.5,\"layer/1/steps_since_update\":0,\"layer/2/updates\":0}\n");
  CHECK_THROWS_AS(MetricsWriter(folder / "absent", 1), Error);
}

TEST_CASE("metrics of an older version keep their columns when a run goes on") {
  const Folder folder;
  std::ofstream(folder / "metrics.csv") << "step,epoch,test/accuracy,gone\n3,1,0.5,7\n9,3,0.6,7\n";
  std::ofstream(folder / "metrics.jsonl") << "{\"step\":3}\n{\"step\":9}\n";
  MetricsRow row;
  row.set(Metric::step, 6);
  row.set(Metric::epoch, 2);
  row.layers = {{.updates = 4}};
  MetricsWriter(folder.path(), 3, 3).write(row);
  CHECK(slurp(folder / "metrics.csv") == "step,epoch,test/accuracy,gone\n3,1,0.5,7\n6,2,,\n");
  CHECK(slurp(folder / "metrics.jsonl") ==
        "{\"step\":3}\n{\"step\":6,\"epoch\":2.0,\"layer/1/updates\":4}\n");
  std::ofstream(folder / "metrics.csv") << "3,1,0.5\n";
  CHECK_THROWS_WITH(MetricsWriter(folder.path(), 3, 3), Catch::Contains("names of the columns"));
}

TEST_CASE("metrics on a full disk end in an error, not in silence") {
  if (!fs::exists("/dev/full")) {
    WARN("skipped: no /dev/full here");
    return;
  }
  const Folder folder;
  fs::create_symlink("/dev/full", folder / "metrics.csv");
  try {
    MetricsWriter writer(folder.path(), 1);
    FAIL("written");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::cannot_write);
  }
}

TEST_CASE("micro-batches fit the cache, are even, and never exceed the batch") {
  CHECK(choose_micro_batch(48, 512, 1, 1) == 48);
  CHECK(choose_micro_batch(9999, 512, 1, 1) == 512);
  CHECK(choose_micro_batch(0, 512, 1000, 40'000) == 40);  // 13 pieces, the last 32
  CHECK(choose_micro_batch(0, 100, 1000, 40'000) == 34);  // 3 pieces, not 40 + 40 + 20
  CHECK(choose_micro_batch(0, 512, 1000, 1) == 8);
  CHECK(choose_micro_batch(0, 3, 1000, 1) == 3);
  CHECK(choose_micro_batch(0, 512, 1000, 1U << 30) == 512);
  CHECK(micro_batch_sizes(40, {512, 10000, 80}) == std::vector<int>{40, 32});
  CHECK(micro_batch_sizes(8, {8}) == std::vector<int>{8});
}
