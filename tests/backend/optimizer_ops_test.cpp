// SPDX-License-Identifier: MIT
// Each optimizer operation against a scalar loop in double.
#include <cmath>
#include <cstring>
#include <limits>

#include "catch.h"
#include "compare.h"
#include "test_backend.h"
#include <dropmuon/core/random.h>

using namespace dropmuon;

namespace {

using Values = std::vector<float>;

constexpr double kEpsilon = 6e-8;  // rounding of one fp32 operation

// Tiny, odd, and longer than the pieces that threads take.
const std::vector<std::size_t> kSizes = {1, 7, 31, 33, 64 * 9, 130 * 257, 10 * 2304 + 1, 70001};

Values random_values(std::size_t size, std::uint64_t seed) {
  Random random(seed, Purpose::synthetic_data, 0);
  Values out(size);
  for (float& value : out) value = static_cast<float>(random.normal());
  return out;
}

float dual_norm(Backend& backend, const Values& in, const Values& direction) {
  const auto device_in = to_device(backend, in);
  const auto device_direction = to_device(backend, direction);
  const auto result = to_device(backend, Values{NAN});
  const std::vector<DualNormItem> items = {
      {in.size(), device_in.data(), device_direction.data(), result.data()}};
  backend.dual_norms(items);
  return to_host(result)[0];
}

Values normalized(Backend& backend, SimpleNorm norm, int rows, int cols, const Values& in) {
  const auto device_in = to_device(backend, in);
  const auto out = to_device(backend, Values(in.size(), NAN));
  const std::vector<NormalizeItem> items = {{norm, {rows, cols, device_in.data(), out.data()}}};
  backend.normalize(items);
  return to_host(out);
}

double moved(const Values& before, const Values& after) {
  double sum = 0.0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    sum += std::pow(static_cast<double>(after[i]) - static_cast<double>(before[i]), 2);
  }
  return std::sqrt(sum);
}

// |found - expected| <= steps roundings of a number of the given size.
void check_close(double found, double expected, double magnitude, int steps) {
  if (!(std::abs(found - expected) <= steps * kEpsilon * magnitude)) {
    CAPTURE(found, expected, magnitude);
    FAIL_CHECK("too far");
  }
}

}  // namespace

TEST_CASE("update_momentum follows its formula", "[optimizer_ops]") {
  const auto backend = test_backend(2);
  const std::vector<MomentumRule> rules = {
      {.mu = 0.9F, .grad_weight = 0.1F},
      {.mu = 0.9F, .grad_weight = 1.0F, .coupled_decay = 0.03F},
      {.mu = 0.9F, .grad_weight = 0.1F, .nesterov = Nesterov::yes},
      {.mu = 0.9F, .grad_weight = 1.0F, .coupled_decay = 0.03F, .nesterov = Nesterov::yes}};
  for (const MomentumRule& rule : rules) {
    for (const std::size_t size : kSizes) {
      const Values grad = random_values(size, 1);
      const Values value = random_values(size, 2);
      const Values before = random_values(size, 3);
      const auto device_grad = to_device(*backend, grad);
      const auto device_value = to_device(*backend, value);
      const auto device_momentum = to_device(*backend, before);
      const auto device_direction = to_device(*backend, Values(size, NAN));
      const std::vector<MomentumItem> items = {
          {size, device_grad.data(), rule.coupled_decay != 0.0F ? device_value.data() : nullptr,
           device_momentum.data(), device_direction.data()}};
      backend->update_momentum(items, rule);
      const Values momentum = to_host(device_momentum);
      const Values direction = to_host(device_direction);
      const double mu = rule.mu;
      for (std::size_t i = 0; i < size; ++i) {
        const double g = rule.grad_weight * (grad[i] + double{rule.coupled_decay} * value[i]);
        const double m = mu * before[i] + g;
        const double d = rule.nesterov == Nesterov::yes ? mu * m + g : m;
        const double magnitude = std::abs(mu * before[i]) + std::abs(rule.grad_weight * grad[i]) +
                                 std::abs(double{rule.coupled_decay} * value[i]);
        check_close(momentum[i], m, magnitude, 4);
        check_close(direction[i], d, 2.0 * magnitude, 8);
      }
    }
  }
}

TEST_CASE("without Nesterov the direction may be the momentum itself", "[optimizer_ops]") {
  const auto backend = test_backend(2);
  const std::size_t size = 40001;
  const auto grad = to_device(*backend, random_values(size, 1));
  const auto apart = to_device(*backend, random_values(size, 2));
  const auto together = to_device(*backend, random_values(size, 2));
  const Buffer<float> direction(*backend, size);
  const MomentumRule rule;
  const std::vector<MomentumItem> items = {
      {size, grad.data(), nullptr, apart.data(), direction.data()},
      {size, grad.data(), nullptr, together.data(), together.data()}};
  backend->update_momentum(items, rule);
  CHECK(to_host(apart) == to_host(together));
  CHECK(to_host(apart) == to_host(direction));
}

TEST_CASE("dual_norms adds in double", "[optimizer_ops]") {
  const auto backend = test_backend(2);
  for (const std::size_t size : kSizes) {
    const Values in = random_values(size, 1);
    const Values direction = random_values(size, 2);
    double expected = 0.0;
    for (std::size_t i = 0; i < size; ++i) expected += static_cast<double>(in[i]) * direction[i];
    const float result = dual_norm(*backend, in, direction);
    check_close(result, expected, std::abs(expected) + 1e-6, 1);  // only the last rounding is fp32
    CHECK(dual_norm(*test_backend(1), in, direction) == result);
  }
}

TEST_CASE("apply_update follows its formula, with and without decay and dual norm",
          "[optimizer_ops]") {
  const auto backend = test_backend(2);
  const float lr = 0.03F;
  const float keep = 0.997F;
  const float dual = 5.5F;
  const auto device_lr = to_device(*backend, Values{lr});
  const auto device_keep = to_device(*backend, Values{keep});
  const auto device_dual = to_device(*backend, Values{dual});
  for (const std::size_t size : kSizes) {
    const Values before = random_values(size, 1);
    const Values direction = random_values(size, 2);
    const auto device_direction = to_device(*backend, direction);
    for (const float* keep_of : std::initializer_list<const float*>{nullptr, device_keep.data()}) {
      for (const float* dual_of :
           std::initializer_list<const float*>{nullptr, device_dual.data()}) {
        const auto device_value = to_device(*backend, before);
        const auto change = to_device(*backend, std::vector<Change>{{.last = NAN, .total = 3.0F}});
        const std::vector<UpdateItem> items = {{size, device_value.data(), device_direction.data(),
                                                1.7F, device_lr.data(), keep_of, dual_of,
                                                change.data()}};
        backend->apply_update(items);
        const Values value = to_host(device_value);
        const double norm = moved(before, value);
        check_close(to_host(change)[0].last, norm, norm, 1);
        check_close(to_host(change)[0].total, 3.0 + norm, 3.0 + norm, 2);
        const double step = 1.7F * double{lr} * (dual_of != nullptr ? double{dual} : 1.0);
        const double factor = keep_of != nullptr ? double{keep} : 1.0;
        for (std::size_t i = 0; i < size; ++i) {
          check_close(value[i], before[i] * factor - step * direction[i],
                      std::abs(before[i]) + std::abs(step * direction[i]), 4);
        }
      }
    }
  }
}

TEST_CASE("what an update notes and leaves does not depend on the number of threads",
          "[optimizer_ops]") {
  std::vector<std::pair<Values, Change>> ends;
  for (const int threads : {1, 2}) {
    const auto backend = test_backend(threads);
    const auto value = to_device(*backend, random_values(70001, 1));
    const auto direction = to_device(*backend, random_values(70001, 2));
    const auto rate = to_device(*backend, Values{0.1F});
    const auto change = to_device(*backend, std::vector<Change>{{}});
    const std::vector<UpdateItem> items = {{.size = 70001,
                                            .value = value.data(),
                                            .direction = direction.data(),
                                            .learning_rate = rate.data(),
                                            .change = change.data()}};
    backend->apply_update(items);
    backend->apply_update(items);
    ends.emplace_back(to_host(value), to_host(change)[0]);
  }
  CHECK(ends[0].first == ends[1].first);
  CHECK(ends[0].second.last == ends[1].second.last);
  CHECK(ends[0].second.total == ends[1].second.total);
}

TEST_CASE("apply_adam follows its formula", "[optimizer_ops]") {
  const auto backend = test_backend(2);
  const AdamRule rule = {.epsilon = 0.01F};  // large enough to be seen
  const AdamScalars scalars = {.learning_rate = 0.01F,
                               .keep = 0.999F,
                               .first_correction = 5.0F,
                               .second_correction = 300.0F};
  const auto device_scalars = to_device(*backend, std::vector{scalars});
  for (const std::size_t size : kSizes) {
    const Values grad = random_values(size, 1);
    const Values value_before = random_values(size, 2);
    const Values first_before = random_values(size, 3);
    Values second_before = random_values(size, 4);
    for (float& v : second_before) v *= v;
    const auto device_grad = to_device(*backend, grad);
    const auto device_value = to_device(*backend, value_before);
    const auto device_first = to_device(*backend, first_before);
    const auto device_second = to_device(*backend, second_before);
    const auto change = to_device(*backend, std::vector<Change>{{.last = NAN, .total = 3.0F}});
    const std::vector<AdamItem> items = {{size, device_value.data(), device_grad.data(),
                                          device_first.data(), device_second.data(),
                                          device_scalars.data(), change.data()}};
    backend->apply_adam(items, rule);
    const Values value = to_host(device_value);
    const double norm = moved(value_before, value);
    check_close(to_host(change)[0].last, norm, norm, 1);
    check_close(to_host(change)[0].total, 3.0 + norm, 3.0 + norm, 2);
    const Values first = to_host(device_first);
    const Values second = to_host(device_second);
    const double beta1 = rule.beta1;
    const double beta2 = rule.beta2;
    for (std::size_t i = 0; i < size; ++i) {
      const double g = grad[i];
      const double m = beta1 * first_before[i] + double{rule.first_weight} * g;
      const double v = beta2 * second_before[i] + double{rule.second_weight} * g * g;
      const double m_size = std::abs(first_before[i]) + std::abs(g);
      const double denominator = std::sqrt(v * scalars.second_correction) + rule.epsilon;
      check_close(first[i], m, m_size, 4);
      check_close(second[i], v, v, 6);
      const double step = scalars.learning_rate * m * scalars.first_correction / denominator;
      const double step_size = scalars.learning_rate * m_size * 5.0 / denominator;
      check_close(value[i], value_before[i] * double{scalars.keep} - step,
                  std::abs(value_before[i]) + step_size, 12);
    }
  }
}

TEST_CASE("normalize divides by the norm of all, of columns or of rows, or takes signs",
          "[optimizer_ops]") {
  const auto backend = test_backend(2);
  const std::vector<std::pair<int, int>> shapes = {{1, 1},  {7, 1},     {1, 33},    {31, 33},
                                                   {64, 9}, {10, 2304}, {130, 257}, {300, 65}};
  for (const auto& [rows, cols] : shapes) {
    const std::size_t size = static_cast<std::size_t>(rows) * cols;
    const auto at = [cols = cols](int r, int c) { return static_cast<std::size_t>(r) * cols + c; };
    Values in = random_values(size, 5);
    if (rows > 2 && cols > 2) {  // a zero row and a zero column
      for (int c = 0; c < cols; ++c) in[at(1, c)] = 0.0F;
      for (int r = 0; r < rows; ++r) in[at(r, 2)] = -0.0F;
    }
    std::vector<double> row_norm(static_cast<std::size_t>(rows));
    std::vector<double> col_norm(static_cast<std::size_t>(cols));
    double norm = 0.0;
    for (int r = 0; r < rows; ++r) {
      for (int c = 0; c < cols; ++c) {
        const double square = static_cast<double>(in[at(r, c)]) * in[at(r, c)];
        row_norm[static_cast<std::size_t>(r)] += square;
        col_norm[static_cast<std::size_t>(c)] += square;
        norm += square;
      }
    }
    const Values sign = normalized(*backend, SimpleNorm::max_abs, rows, cols, in);
    const Values unit = normalized(*backend, SimpleNorm::euclidean, rows, cols, in);
    const Values columns = normalized(*backend, SimpleNorm::column, rows, cols, in);
    const Values by_row = normalized(*backend, SimpleNorm::row, rows, cols, in);
    for (int r = 0; r < rows; ++r) {
      for (int c = 0; c < cols; ++c) {
        const std::size_t i = at(r, c);
        const double x = in[i];
        const auto divided = [x](double square) { return square == 0 ? 0 : x / std::sqrt(square); };
        check_close(sign[i], (x > 0) - (x < 0), 0.0, 0);
        check_close(unit[i], divided(norm), 1.0, 1);
        check_close(columns[i], divided(col_norm[static_cast<std::size_t>(c)]), 1.0, 1);
        check_close(by_row[i], divided(row_norm[static_cast<std::size_t>(r)]), 1.0, 1);
      }
    }
  }
}

TEST_CASE("normalize keeps zero at zero and survives extreme scales", "[optimizer_ops]") {
  const auto backend = test_backend(2);
  const float tiny = std::numeric_limits<float>::denorm_min();
  const float huge = std::numeric_limits<float>::max();
  for (const SimpleNorm norm :
       {SimpleNorm::max_abs, SimpleNorm::euclidean, SimpleNorm::column, SimpleNorm::row}) {
    for (const float c : {0.0F, tiny, huge}) {
      const Values out = normalized(*backend, norm, 2, 2, Values(4, c));
      const double one = norm == SimpleNorm::max_abs     ? 1.0
                         : norm == SimpleNorm::euclidean ? 0.5
                                                         : std::sqrt(0.5);
      for (const float value : out) check_close(value, c == 0.0F ? 0.0 : one, 1.0, 1);
    }
  }
}
