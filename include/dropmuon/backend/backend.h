// SPDX-License-Identifier: MIT
// The seam between the trainer and a device: every operation a training step needs, and no other.
//
// All pointers in argument structs are device memory unless they say "host". Tensors are dense
// fp32, row-major; activations are (N, H, W, C). Operations run in the order they are called and
// may return before they are done; download() and synchronize() wait. No operation allocates.
// A backend implements every operation: there is no "unsupported".
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <dropmuon/backend/conv2d.h>
#include <dropmuon/backend/newton_schulz.h>
#include <dropmuon/ops/network_args.h>
#include <dropmuon/ops/optimizer_args.h>

namespace dropmuon {

// What ran where, for the log, provenance and `dropmuon info`.
struct DeviceInfo {
  std::string kind;                // "cpu", ...
  std::string name;                // processor or board
  int threads = 0;                 // of the host; 0 if it does not compute, then the next are ""
  std::string threads_reason;      // what set their number: "OMP_NUM_THREADS=1"
  std::string binding;             // of threads to processors
  std::string waiting;             // of threads for each other
  std::string instruction_set;     // the widest that convolutions and products use
  std::string precision = "fp32";  // of convolutions and products
  bool graphs = false;             // steps are recorded and replayed
  std::size_t cache_bytes = 0;     // what the busiest layer of a micro-batch should fit in
  std::size_t memory_bytes = 0;    // of a device with memory of its own; 0: it shares the host's
  std::vector<std::pair<std::string, std::string>> libraries;  // name, version
};

// "cpu: AMD EPYC, 2 threads, fp32": the device in a line.
std::string describe(const DeviceInfo& device);

// The parts of a step that are timed separately.
enum class Phase { idle, forward, backward, optimizer };

struct PhaseSeconds {
  double forward = 0.0;
  double backward = 0.0;
  double optimizer = 0.0;
};

// A training step, or a half of it: up to the gradients, and what they move.
enum class StepPart { whole, compute, move };

// What a step's operations depend on, and nothing else.
struct StepKey {
  std::uint64_t layers = 0;  // ActiveSet::key() of the layers that move
  StepPart part = StepPart::whole;
  auto operator<=>(const StepKey&) const = default;
};

// What run_step() did with the steps it was given.
struct RecordingCounts {
  std::int64_t recorded = 0;  // steps recorded, one per key unless evicted in between
  std::int64_t replayed = 0;  // steps run from a recording
  std::int64_t evicted = 0;   // recordings dropped to make room
  int kept = 0;               // recordings held now
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual DeviceInfo info() const = 0;

  // --- memory --------------------------------------------------------------------------------
  // Throws Error(internal) with the size asked for when memory runs out. Prefer Buffer<T>.
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void release(void* memory) noexcept = 0;
  virtual void upload(void* device, const void* host, std::size_t bytes) = 0;
  virtual void download(void* host, const void* device, std::size_t bytes) const = 0;
  virtual void zero(void* device, std::size_t bytes) = 0;
  virtual void synchronize() = 0;
  virtual std::size_t allocated_bytes() const = 0;  // now held, workspaces included

  // --- network (ops/network_args.h states each contract) -------------------------------------
  virtual std::unique_ptr<Conv2d> make_conv2d(const Conv2dShape& shape) = 0;
  virtual void gather_batch(const GatherBatch& args) = 0;
  virtual void bias_relu_pool_forward(const BiasReluPoolForward& args) = 0;
  virtual void bias_relu_pool_backward(const BiasReluPoolBackward& args) = 0;
  virtual void average_pool_forward(const AveragePool& args) = 0;
  virtual void average_pool_backward(const AveragePool& args) = 0;
  virtual void matmul(const Matmul& args) = 0;
  virtual void add_bias(const AddBias& args) = 0;
  virtual void bias_gradient(const BiasGradient& args) = 0;
  virtual void softmax_cross_entropy(const SoftmaxCrossEntropy& args) = 0;

  // --- optimizer (ops/optimizer_args.h); each takes all active parameters in one call ---------
  virtual void update_momentum(std::span<const MomentumItem> items, const MomentumRule& rule) = 0;
  // Takes the workspace for these shapes; orthogonalize then allocates nothing.
  virtual void prepare_orthogonalize(std::span<const DirectionItem> items,
                                     const NewtonSchulz& method) = 0;
  virtual void orthogonalize(std::span<const DirectionItem> items, const NewtonSchulz& method) = 0;
  virtual void normalize(std::span<const NormalizeItem> items) = 0;
  virtual void dual_norms(std::span<const DualNormItem> items) = 0;
  virtual void apply_update(std::span<const UpdateItem> items) = 0;
  virtual void apply_adam(std::span<const AdamItem> items, const AdamRule& rule) = 0;

  // --- a step ----------------------------------------------------------------------------------
  // Runs `body`, a fixed sequence of operations for this key. A backend may record it and
  // replay the recording later, so everything that changes between steps with the same key
  // (learning rates, batch indices) must be read from device memory inside the operations. Keys
  // belong to one user of the backend at a time; a new one starts with forget_steps(). Memory that
  // recordings use may be released: they are forgotten then.
  virtual void run_step(const StepKey& key, const std::function<void()>& body) = 0;
  virtual void forget_steps() = 0;
  virtual RecordingCounts recording_counts() const = 0;

  // Within a step: from now on time counts for `phase`. phase_seconds() returns the totals since it
  // was last called; a backend that replays recordings may time one replay of each and multiply.
  virtual void mark(Phase phase) = 0;
  virtual PhaseSeconds phase_seconds() = 0;

  // Fused multiply-add throughput of the device in FLOP/s, measured now (`dropmuon bench`).
  virtual double measure_peak_flops() = 0;
};

}  // namespace dropmuon
