// SPDX-License-Identifier: MIT
// Convolutions by oneDNN 2.x: activations stay NHWC, filters are packed into whatever blocked form
// its kernels choose and unpacked only when a gradient is complete.
#include <algorithm>
#include <array>
#include <deque>
#include <initializer_list>
#include <map>
#include <optional>

#include <dnnl.hpp>

#include "../cpu_backend.h"
#include <dropmuon/core/error.h>

namespace dropmuon::cpu {
namespace {

using dnnl::memory;
using Dims = memory::dims;

const dnnl::engine& engine() {
  static const dnnl::engine instance(dnnl::engine::kind::cpu, 0);
  return instance;
}

dnnl::stream& stream() {
  static dnnl::stream instance(engine());
  return instance;
}

// A filter in one of the layouts that the kernels asked for.
struct PackedFilter {
  memory values;
  dnnl::reorder pack;  // from OHWI
};

// A sum of filter gradients in one such layout, and room for the next term.
struct GradientSum {
  memory values;
  memory term;
  dnnl::reorder unpack;  // to OHWI
  bool holds_sum = false;
};

// The three operations for one batch size, and the places of their activations and gradients.
struct Variant {
  memory x;
  memory y;
  dnnl::convolution_forward forward;
  dnnl::convolution_backward_data backward_input;
  dnnl::convolution_backward_weights backward_filter;
  PackedFilter* forward_filter = nullptr;
  PackedFilter* backward_input_filter = nullptr;
  GradientSum* gradient_sum = nullptr;
};

memory place(const memory::desc& desc) { return {desc, engine(), DNNL_MEMORY_NONE}; }

// Puts borrowed data there; oneDNN has one form for what it reads and what it writes.
const memory& at(const memory& place, const float* data) {
  place.set_data_handle(const_cast<float*>(data));
  return place;
}

struct Argument {
  int name = 0;
  const memory& values;
};

// oneDNN's own execute() makes a map and a list of the arguments, in every call.
void execute(const dnnl::primitive& primitive, std::initializer_list<Argument> arguments) {
  std::array<dnnl_exec_arg_t, 3> list{};
  DM_CHECK(arguments.size() <= list.size(), "a primitive of {} arguments", arguments.size());
  int count = 0;
  for (const Argument& argument : arguments) {
    list[static_cast<std::size_t>(count++)] = {argument.name, argument.values.get()};
  }
  dnnl::error::wrap_c_api(
      dnnl_primitive_execute(primitive.get(), stream().get(), count, list.data()),
      "could not execute a primitive");
  stream().wait();
}

void add_into(memory& sum, const memory& term) {
  float* to = static_cast<float*>(sum.get_data_handle());
  const float* from = static_cast<const float*>(term.get_data_handle());
  const auto count = static_cast<std::int64_t>(sum.get_desc().get_size() / sizeof(float));
#pragma omp parallel for simd schedule(static)
  for (std::int64_t i = 0; i < count; ++i) to[i] += from[i];
}

// Output rows (or columns) to compute: those used, as far as dropping padding at the far end goes.
int computed(int input, int used, int kernel) {
  return used == 0 ? input : std::max(used, input - kernel / 2);
}

class OneDnnConv2d final : public Conv2d {
 public:
  // bias_partials: of bias_relu_pool_backward, which follows a convolution; see prepare().
  OneDnnConv2d(const Conv2dShape& shape, std::vector<float>& bias_partials)
      : shape_(shape),
        bias_partials_(bias_partials),
        output_{computed(shape.input.height, shape.used_height, shape.kernel),
                computed(shape.input.width, shape.used_width, shape.kernel), shape.out_channels},
        filter_dims_{shape.out_channels, shape.input.channels, shape.kernel, shape.kernel},
        plain_filter_(filter_dims_, memory::data_type::f32, memory::format_tag::ohwi),
        plain_(place(plain_filter_)) {}

  ImageShape output() const override { return output_; }

  void prepare(int n) override {
    if (variants_.contains(n)) return;
    variants_.emplace(n, make_variant(n));
    bias_partials_.reserve(static_cast<std::size_t>(n) *
                           static_cast<std::size_t>(output_.channels));
  }

  void load_filter(const float* w) override {
    at(plain_, w);
    for (const PackedFilter& packed : filters_) {
      execute(packed.pack, {{DNNL_ARG_FROM, plain_}, {DNNL_ARG_TO, packed.values}});
    }
  }

  void forward(int n, const float* x, float* y) override {
    const Variant& v = variant(n);
    execute(v.forward, {{DNNL_ARG_SRC, at(v.x, x)},
                        {DNNL_ARG_WEIGHTS, v.forward_filter->values},
                        {DNNL_ARG_DST, at(v.y, y)}});
  }

  void backward_input(int n, const float* dy, float* dx) override {
    const Variant& v = variant(n);
    execute(v.backward_input, {{DNNL_ARG_DIFF_DST, at(v.y, dy)},
                               {DNNL_ARG_WEIGHTS, v.backward_input_filter->values},
                               {DNNL_ARG_DIFF_SRC, at(v.x, dx)}});
  }

  void backward_filter(int n, const float* x, const float* dy, GradMode mode) override {
    const Variant& v = variant(n);
    if (mode == GradMode::overwrite) {
      for (GradientSum& sum : gradient_sums_) sum.holds_sum = false;
    }
    GradientSum& sum = *v.gradient_sum;
    const memory& target = sum.holds_sum ? sum.term : sum.values;
    execute(v.backward_filter, {{DNNL_ARG_DIFF_DST, at(v.y, dy)},
                                {DNNL_ARG_SRC, at(v.x, x)},
                                {DNNL_ARG_DIFF_WEIGHTS, target}});
    if (sum.holds_sum) add_into(sum.values, target);
    sum.holds_sum = true;
  }

  void store_filter_gradient(float* dw) override {
    at(plain_, dw);
    bool written = false;
    for (const GradientSum& sum : gradient_sums_) {
      if (!sum.holds_sum) continue;
      // More than one only if the kernels chose different layouts for different batch sizes.
      execute(sum.unpack,
              {{DNNL_ARG_FROM, sum.values}, {DNNL_ARG_TO, written ? other_layout_ : plain_}});
      if (written) add_into(plain_, other_layout_);
      written = true;
    }
    DM_CHECK(written, "store_filter_gradient without backward_filter");
  }

 private:
  const Variant& variant(int n) const {
    const auto found = variants_.find(n);
    DM_CHECK(found != variants_.end(), "conv2d was not prepared for batches of {}", n);
    return found->second;
  }

  Variant make_variant(int n) {
    const Dims strides{1, 1};
    const int half = shape_.kernel / 2;
    const Dims before{half, half};
    const Dims after{output_.height + half - shape_.input.height,
                     output_.width + half - shape_.input.width};
    const auto algorithm = dnnl::algorithm::convolution_direct;
    const auto images = [&](const ImageShape& image) {
      return memory::desc({n, image.channels, image.height, image.width}, memory::data_type::f32,
                          memory::format_tag::nhwc);
    };
    const memory::desc any(filter_dims_, memory::data_type::f32, memory::format_tag::any);
    Variant v;
    const memory::desc x = images(shape_.input);
    const memory::desc y = images(output_);
    v.x = place(x);
    v.y = place(y);
    const dnnl::convolution_forward::primitive_desc forward(
        {dnnl::prop_kind::forward_training, algorithm, x, any, y, strides, before, after},
        engine());
    const dnnl::convolution_backward_data::primitive_desc backward_input(
        {algorithm, x, any, y, strides, before, after}, engine(), forward);
    const dnnl::convolution_backward_weights::primitive_desc backward_filter(
        {algorithm, x, any, y, strides, before, after}, engine(), forward);
    v.forward = dnnl::convolution_forward(forward);
    v.backward_input = dnnl::convolution_backward_data(backward_input);
    v.backward_filter = dnnl::convolution_backward_weights(backward_filter);
    v.forward_filter = packed_filter(forward.weights_desc());
    v.backward_input_filter = packed_filter(backward_input.weights_desc());
    v.gradient_sum = gradient_sum(backward_filter.diff_weights_desc());
    return v;
  }

  // The one with this layout, made if there is none yet. Deques keep addresses valid.
  PackedFilter* packed_filter(const memory::desc& desc) {
    for (PackedFilter& filter : filters_) {
      if (filter.values.get_desc() == desc) return &filter;
    }
    filters_.push_back(
        {memory(desc, engine()), dnnl::reorder({engine(), plain_filter_, engine(), desc})});
    return &filters_.back();
  }

  GradientSum* gradient_sum(const memory::desc& desc) {
    for (GradientSum& sum : gradient_sums_) {
      if (sum.values.get_desc() == desc) return &sum;
    }
    gradient_sums_.push_back({memory(desc, engine()), memory(desc, engine()),
                              dnnl::reorder({engine(), desc, engine(), plain_filter_})});
    if (gradient_sums_.size() == 2) other_layout_ = memory(plain_filter_, engine());
    return &gradient_sums_.back();
  }

  Conv2dShape shape_;
  std::vector<float>& bias_partials_;
  ImageShape output_;
  Dims filter_dims_;  // oneDNN names axes O, I, H, W whatever the memory order
  memory::desc plain_filter_;
  memory plain_;  // the caller's filter or gradient
  std::map<int, Variant> variants_;
  std::deque<PackedFilter> filters_;
  std::deque<GradientSum> gradient_sums_;
  memory other_layout_;
};

}  // namespace

std::unique_ptr<Conv2d> CpuBackend::make_conv2d(const Conv2dShape& shape) {
  DM_CHECK(shape.kernel > 0 && shape.kernel % 2 == 1, "conv2d kernel {} is not odd", shape.kernel);
  DM_CHECK(shape.input.size() > 0 && shape.out_channels > 0, "conv2d of nothing");
  return std::make_unique<OneDnnConv2d>(shape, bias_partials_);
}

}  // namespace dropmuon::cpu
