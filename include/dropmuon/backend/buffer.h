// SPDX-License-Identifier: MIT
// Device memory that frees itself.
#pragma once

#include <cstddef>
#include <utility>

#include <dropmuon/backend/backend.h>

namespace dropmuon {

// `count` elements of T on the backend's device, uninitialised, 64-byte aligned. Move-only. The
// backend must outlive it.
template <typename T>
class Buffer {
 public:
  Buffer() = default;
  Buffer(Backend& backend, std::size_t count)
      : backend_(&backend),
        data_(static_cast<T*>(backend.allocate(count * sizeof(T)))),
        size_(count) {}
  Buffer(Buffer&& other) noexcept
      : backend_(std::exchange(other.backend_, nullptr)),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(backend_, other.backend_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Buffer() {
    if (data_ != nullptr) backend_->release(data_);
  }

  T* data() const { return data_; }
  std::size_t size() const { return size_; }
  std::size_t bytes() const { return size_ * sizeof(T); }

  void zero() { backend_->zero(data_, bytes()); }
  void upload(const T* host) { backend_->upload(data_, host, bytes()); }
  void download(T* host) const { backend_->download(host, data_, bytes()); }

 private:
  Backend* backend_ = nullptr;
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace dropmuon
