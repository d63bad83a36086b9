// SPDX-License-Identifier: MIT
// A document parser would silently keep the last of two equal keys; an event parser shows us both.
#include "safetensors_header.h"

#include <set>

#include <nlohmann/json.hpp>

#include "safetensors_rules.h"
#include <dropmuon/core/error.h>

namespace dropmuon::safetensors {
namespace {

using Json = nlohmann::json;

class HeaderReader : public nlohmann::json_sax<Json> {
 public:
  explicit HeaderReader(const std::string& path) : path_(path) {}

  Header take() { return std::move(header_); }

  bool start_object(std::size_t /*members*/) override {
    if (place_ == Place::before) {
      place_ = Place::header;
    } else if (place_ == Place::header) {
      place_ = key_ == kMetadata ? Place::metadata : Place::entry;
      entry_ = {key_, {}, {}, {}};
      entry_key_.clear();
    } else {
      misplaced("an object");
    }
    return true;
  }

  bool key(std::string& name) override {
    if (place_ == Place::header) {
      if (!is_good_name(name)) bad(fmt::format("'{}' is no name for a tensor", shown(name)));
      if (!names_.insert(name).second) bad(fmt::format("'{}' is there twice", shown(name)));
      key_ = name;
    } else if (place_ == Place::metadata) {
      if (header_.metadata.contains(name)) bad_here(fmt::format("'{}' twice", shown(name)));
      entry_key_ = name;
    } else {
      const bool repeated = (name == "dtype" && entry_.dtype) ||
                            (name == "shape" && entry_.shape) ||
                            (name == "data_offsets" && entry_.offsets);
      if (repeated) bad_here(name + " twice");
      if (name != "dtype" && name != "shape" && name != "data_offsets") {
        bad_here(fmt::format("unknown key '{}'", shown(name)));
      }
      entry_key_ = name;
    }
    return true;
  }

  bool string(std::string& value) override {
    if (place_ == Place::metadata) {
      header_.metadata[entry_key_] = value;
    } else if (place_ == Place::entry && entry_key_ == "dtype") {
      entry_.dtype = value;
    } else {
      misplaced("a string");
    }
    return true;
  }

  bool start_array(std::size_t /*elements*/) override {
    if (place_ == Place::entry && entry_key_ != "dtype") {
      place_ = Place::numbers;
      (entry_key_ == "shape" ? entry_.shape : entry_.offsets).emplace();
    } else {
      misplaced("an array");
    }
    return true;
  }

  bool number_unsigned(std::uint64_t value) override {
    if (place_ != Place::numbers) misplaced("a number");
    (entry_key_ == "shape" ? entry_.shape : entry_.offsets)->push_back(value);
    return true;
  }

  bool end_array() override {
    if (entry_key_ == "data_offsets" && entry_.offsets->size() != 2) {
      bad_here(fmt::format("{} data_offsets instead of 2", entry_.offsets->size()));
    }
    place_ = Place::entry;
    return true;
  }

  bool end_object() override {
    if (place_ == Place::entry) {
      if (!entry_.dtype) bad_here("no dtype");
      if (!entry_.shape) bad_here("no shape");
      if (!entry_.offsets) bad_here("no data_offsets");
      header_.entries.push_back(std::move(entry_));
    }
    place_ = Place::header;  // the parser refuses whatever follows the last brace
    return true;
  }

  bool null() override { misplaced("null"); }
  bool boolean(bool) override { misplaced("a truth value"); }
  bool number_integer(std::int64_t) override { misplaced("a negative number"); }
  bool number_float(double, const std::string&) override {
    misplaced("a number that is no 64-bit whole number");
  }
  bool binary(Json::binary_t&) override { misplaced("binary data"); }

  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const Json::exception& error) override {
    const bool text = std::string_view(error.what()).find("UTF-8") == std::string_view::npos;
    bad(fmt::format("the header is no {} at byte {}", text ? "JSON" : "UTF-8", position));
  }

 private:
  enum class Place { before, header, metadata, entry, numbers };

  [[noreturn]] void bad(const std::string& what) const {
    fail(ExitCode::bad_data, "{}: {}", path_, what);
  }
  [[noreturn]] void bad_here(const std::string& what) const {
    bad(fmt::format("'{}' has {}", shown(key_), what));
  }
  [[noreturn]] void misplaced(const char* what) const {
    if (place_ == Place::header) bad_here(fmt::format("{} instead of an object", what));
    if (place_ == Place::metadata) {
      bad_here(fmt::format("{} as '{}' instead of a string", what, shown(entry_key_)));
    }
    bad_here(fmt::format("{} {} {}", what, place_ == Place::numbers ? "in" : "as", entry_key_));
  }

  const std::string& path_;
  Header header_;
  Place place_ = Place::before;
  std::set<std::string> names_;
  std::string key_;        // of the header
  std::string entry_key_;  // of the object within
  HeaderEntry entry_;
};

}  // namespace

Header read_header(std::string_view text, const std::string& path) {
  HeaderReader reader(path);
  Json::sax_parse(text.begin(), text.end(), &reader);
  return reader.take();
}

std::string shown(std::string name) {
  constexpr std::size_t kLongest = 60;
  if (name.size() > kLongest) {
    std::size_t size = kLongest;
    while (size > 0 && (static_cast<unsigned char>(name[size]) & 0xc0) == 0x80) --size;
    name = name.substr(0, size) + "...";
  }
  for (char& letter : name) {
    if (!is_good_name({letter})) letter = '?';
  }
  return name;
}

}  // namespace dropmuon::safetensors
