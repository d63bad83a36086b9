// SPDX-License-Identifier: MIT
#include "counting_backend.h"

#include <fmt/format.h>

namespace dropmuon {
namespace {

class CountingConv2d final : public Conv2d {
 public:
  CountingConv2d(std::unique_ptr<Conv2d> inner, CallCounts& counts, int position)
      : inner_(std::move(inner)), counts_(counts), name_(fmt::format("conv2d[{}].", position)) {}
  ImageShape output() const override { return inner_->output(); }
  void prepare(int n) override { tally("prepare"), inner_->prepare(n); }
  void load_filter(const float* w) override { tally("load_filter"), inner_->load_filter(w); }
  void forward(int n, const float* x, float* y) override {
    tally("forward"), inner_->forward(n, x, y);
  }
  void backward_input(int n, const float* dy, float* dx) override {
    tally("backward_input"), inner_->backward_input(n, dy, dx);
  }
  void backward_filter(int n, const float* x, const float* dy, GradMode mode) override {
    tally("backward_filter"), inner_->backward_filter(n, x, dy, mode);
  }
  void store_filter_gradient(float* dw) override {
    tally("store_filter_gradient"), inner_->store_filter_gradient(dw);
  }

 private:
  void tally(const char* what) { ++counts_[name_ + what]; }
  std::unique_ptr<Conv2d> inner_;
  CallCounts& counts_;
  std::string name_;
};

}  // namespace

std::unique_ptr<Conv2d> CountingBackend::make_conv2d(const Conv2dShape& shape) {
  return std::make_unique<CountingConv2d>(inner_->make_conv2d(shape), counts, convolutions_++);
}

}  // namespace dropmuon
