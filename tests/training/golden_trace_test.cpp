// SPDX-License-Identifier: MIT
// Ten training steps of PyTorch (tests/golden), followed by the engine and the optimizers together.
#include <fstream>

#include <nlohmann/json.hpp>

#include "catch.h"
#include "compare.h"
#include "given_batches.h"
#include "source_dir.h"
#include "test_backend.h"
#include <dropmuon/training/step.h>

using namespace dropmuon;
using Json = nlohmann::json;

namespace {

const std::string kFolder = source_dir() + "/tests/golden/";

Json read_json(const std::string& name) {
  std::ifstream file(kFolder + name);
  return Json::parse(file);
}

std::vector<float> read_floats(const std::string& name) {
  std::ifstream file(kFolder + name, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

OptimizerOptions options_from(const Json& json) {
  OptimizerOptions o;
  const std::string type = json.at("type");
  o.type = type == "sgd"     ? OptimizerType::sgd
           : type == "adamw" ? OptimizerType::adamw
                             : OptimizerType::muon;
  o.lr = json.at("lr");
  o.weight_decay = json.value("weight_decay", 0.0);
  o.momentum = json.value("momentum", 0.95);
  o.nesterov = json.value("nesterov", false) ? Nesterov::yes : Nesterov::no;
  o.step =
      json.value("step", "radius") == std::string("sharp") ? StepMode::sharp : StepMode::radius;
  o.beta1 = json.value("beta1", o.beta1);
  o.beta2 = json.value("beta2", o.beta2);
  o.epsilon = json.value("epsilon", o.epsilon);
  return o;
}

// The trainer's step on the golden problem.
class GoldenRun {
 public:
  explicit GoldenRun(const std::string& trace)
      : problem_(read_json("problem.json")),
        data_(read_floats("problem.bin")),
        meta_(read_json(trace + ".json")),
        expected_(read_floats(trace + ".bin")),
        backend_(test_backend()) {
    const std::vector<int> image = problem_.at("image");
    const ModelInput input{{image[0], image[1], image[2]}, problem_.at("classes")};
    Experiment experiment;
    experiment.model.channels = problem_.at("channels").get<std::vector<int>>();
    experiment.optimizer = options_from(meta_.at("optimizer"));
    experiment.train.micro_batch = problem_.at("batch_size");
    step_ = make_step(*backend_, experiment, input,
                      std::make_unique<GivenBatches>(*backend_, batches(input.image)), {});
    std::size_t offset = 0;
    for (const Param& param : network().params()) {
      backend_->upload(param.value, data_.data() + offset, param.size() * sizeof(float));
      offset += param.size();
    }
    REQUIRE(offset == parameters_);
    network().params_changed(ActiveSet::all(network().depth()));
  }

  void follow() {
    const int steps = problem_.at("steps");
    REQUIRE(steps == 10);
    REQUIRE(expected_.size() == parameters_ * static_cast<std::size_t>(steps));
    for (int k = 0; k < steps; ++k) {
      CAPTURE(k);
      const ActiveSet active = ActiveSet::suffix(meta_.at("first_active")[k], network().depth());
      CHECK(step(k, active) == Approx(meta_.at("losses")[k].get<double>()).epsilon(2e-5));
      compare(k);
    }
  }

 private:
  Network& network() { return step_->network(); }

  // `data_` has the parameters, then the images of every step.
  std::vector<GivenBatch> batches(const ImageShape& image) {
    const Json& labels = problem_.at("labels");
    const std::size_t floats = image.size() * problem_.at("batch_size").get<std::size_t>();
    REQUIRE(data_.size() > labels.size() * floats);
    parameters_ = data_.size() - labels.size() * floats;
    std::vector<GivenBatch> batches;
    auto images = data_.begin() + static_cast<std::ptrdiff_t>(parameters_);
    for (const Json& of_step : labels) {
      const auto end = images + static_cast<std::ptrdiff_t>(floats);
      batches.push_back({{images, end}, of_step.get<std::vector<std::uint8_t>>()});
      images = end;
    }
    return batches;
  }

  double step(int k, const ActiveSet& active) {
    step_->set_sums({});
    step_->run(k, {active, active, meta_.at("optimizer").at("lr").get<double>()});
    return step_->sums().loss / step_->batch_size();
  }

  void compare(int k) {
    std::size_t offset = parameters_ * static_cast<std::size_t>(k);
    for (const Param& param : network().params()) {
      CAPTURE(param.name);
      std::vector<float> found(param.size());
      backend_->download(found.data(), param.value, param.size() * sizeof(float));
      const std::span<const float> wanted(expected_.data() + offset, param.size());
      CHECK(relative_error(found, widen(wanted)) < 1e-4);
      double largest = 0.0;
      for (std::size_t i = 0; i < found.size(); ++i) {
        largest = std::max(largest, std::abs(static_cast<double>(found[i]) - wanted[i]));
      }
      CHECK(largest < 2e-5);
      offset += param.size();
    }
  }

  Json problem_;
  std::vector<float> data_;
  Json meta_;
  std::vector<float> expected_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Step> step_;
  std::size_t parameters_ = 0;  // floats
};

}  // namespace

TEST_CASE("golden trace: full Muon") { GoldenRun("muon_full").follow(); }
TEST_CASE("golden trace: Drop-Muon with a given sequence of starts") {
  GoldenRun("drop_muon").follow();
}
TEST_CASE("golden trace: Muon with sharp steps") { GoldenRun("muon_sharp").follow(); }
TEST_CASE("golden trace: Drop-Muon with Nesterov and weight decay") {
  GoldenRun("muon_nesterov_wd").follow();
}
TEST_CASE("golden trace: SGD with momentum") { GoldenRun("sgd").follow(); }
TEST_CASE("golden trace: SGD with Nesterov momentum") { GoldenRun("sgd_nesterov").follow(); }
TEST_CASE("golden trace: AdamW with per-layer step counts") { GoldenRun("adamw").follow(); }
