// SPDX-License-Identifier: MIT
// Ten training steps of PyTorch (tests/golden), followed by the engine and the optimizers together.
#include <fstream>

#include <nlohmann/json.hpp>

#include "catch.h"
#include "compare.h"
#include "source_dir.h"
#include "test_backend.h"
#include <dropmuon/engine/network.h>
#include <dropmuon/optim/optimizer.h>

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

// The trainer's step, without data set and clock, on the golden problem.
class GoldenRun {
 public:
  explicit GoldenRun(const std::string& trace)
      : problem_(read_json("problem.json")),
        data_(read_floats("problem.bin")),
        meta_(read_json(trace + ".json")),
        expected_(read_floats(trace + ".bin")),
        backend_(test_backend()) {
    const std::vector<int> image = problem_.at("image");
    network_ = build_network({.channels = problem_.at("channels").get<std::vector<int>>()},
                             {{image[0], image[1], image[2]}, problem_.at("classes")}, *backend_);
    batch_ = problem_.at("batch_size");
    const int sizes[] = {batch_};
    network_->prepare(sizes);
    std::size_t offset = 0;
    for (const Param& param : network_->params()) {
      backend_->upload(param.value, data_.data() + offset, param.size() * sizeof(float));
      offset += param.size();
    }
    parameters_ = offset;
    image_floats_ = static_cast<std::size_t>(image[0]) * image[1] * image[2];
    network_->params_changed(ActiveSet::all(network_->depth()));
    optimizer_ = make_optimizer(options_from(meta_.at("optimizer")), *backend_, network_->params(),
                                network_->depth());
  }

  void follow() {
    const int steps = problem_.at("steps");
    REQUIRE(steps == 10);
    REQUIRE(expected_.size() == parameters_ * static_cast<std::size_t>(steps));
    for (int k = 0; k < steps; ++k) {
      CAPTURE(k);
      const ActiveSet active = ActiveSet::suffix(meta_.at("first_active")[k], network_->depth());
      CHECK(step(k, active) == Approx(meta_.at("losses")[k].get<double>()).epsilon(2e-5));
      compare(k);
    }
  }

 private:
  double step(int k, const ActiveSet& active) {
    const std::size_t batch_floats = image_floats_ * static_cast<std::size_t>(batch_);
    backend_->upload(network_->input(), data_.data() + parameters_ + k * batch_floats,
                     batch_floats * sizeof(float));
    const auto labels =
        to_device(*backend_, problem_.at("labels")[k].get<std::vector<std::uint8_t>>());
    Buffer<LossSums> sums(*backend_, 1);
    sums.zero();
    optimizer_->prepare(active, meta_.at("optimizer").at("lr"));
    network_->forward(batch_, &active);
    backend_->softmax_cross_entropy({batch_, problem_.at("classes"), network_->logits(),
                                     labels.data(), network_->logits_gradient(),
                                     1.0F / static_cast<float>(batch_), sums.data()});
    network_->backward(batch_, active, GradMode::overwrite);
    network_->finish_gradients(active);
    optimizer_->step(active);
    network_->params_changed(active);
    return to_host(sums)[0].loss / batch_;
  }

  void compare(int k) {
    std::size_t offset = parameters_ * static_cast<std::size_t>(k);
    for (const Param& param : network_->params()) {
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
  std::unique_ptr<Network> network_;
  std::unique_ptr<Optimizer> optimizer_;
  std::size_t parameters_ = 0;
  std::size_t image_floats_ = 0;
  int batch_ = 0;
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
