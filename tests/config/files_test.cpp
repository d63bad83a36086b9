// SPDX-License-Identifier: MIT
// The files in configs/: all load, and the pairs meant for comparison differ only where they say.
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "catch.h"
#include "config_fixture.h"

using namespace dropmuon;

namespace {

const std::filesystem::path kConfigs = std::filesystem::path(DROPMUON_SOURCE_DIR) / "configs";

std::vector<std::filesystem::path> config_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kConfigs)) {
    const bool is_study = entry.path().parent_path().filename() == "studies";  // sweeps
    if (entry.is_regular_file() && !is_study) files.push_back(entry.path());
  }
  return files;
}

}  // namespace

TEST_CASE("config: configs/reference.yaml is what the program writes, and holds the defaults") {
  INFO("regenerate with: dropmuon config reference > configs/reference.yaml");
  CHECK(read_file(kConfigs / "reference.yaml") == reference_yaml());
  CHECK(to_yaml(load_config((kConfigs / "reference.yaml").string(), {})) == to_yaml(RunConfig{}));
}

TEST_CASE("config: every file in configs/ loads and opens with a comment") {
  const auto files = config_files();
  CHECK(files.size() == 22);
  for (const auto& file : files) {
    INFO(file.string());
    CHECK(read_file(file).starts_with("# "));
    const RunConfig config = load_config(file.string(), {});
    if (file.filename() == "reference.yaml") continue;
    CHECK(config.experiment.data.dataset == file.parent_path().filename().string());
    std::string name = config.experiment.data.dataset + "-" + file.stem().string();
    std::replace(name.begin(), name.end(), '_', '-');
    CHECK(config.name == name);
  }
}

TEST_CASE("config: Muon and Drop-Muon files differ in name and sampling only") {
  for (const std::string dataset : {"mnist", "fashion-mnist", "cifar10"}) {
    const auto file = [&](const char* method) {
      return load_config((kConfigs / dataset / method).string(), {});
    };
    const RunConfig muon = file("muon.yaml");
    CHECK(muon.experiment.sampling.scheme == SamplingScheme::full);
    const RunConfig paper = file("paper_muon.yaml");
    CHECK(paper.experiment.sampling.scheme == SamplingScheme::full);
    RunConfig drop = file("paper.yaml");
    CHECK(drop.experiment.sampling.scheme == SamplingScheme::uniform);
    drop.name = paper.name;
    drop.experiment.sampling = paper.experiment.sampling;
    CHECK(to_yaml(drop) == to_yaml(paper));
    for (const char* method : {"drop_muon.yaml", "drop_muon_epoch_shift.yaml"}) {
      RunConfig other = file(method);
      CHECK(other.experiment.sampling.scheme != SamplingScheme::full);
      other.name = muon.name;
      other.experiment.sampling = muon.experiment.sampling;
      CHECK(to_yaml(other) == to_yaml(muon));
    }
  }
}
