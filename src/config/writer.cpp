// SPDX-License-Identifier: MIT
// A RunConfig as text: resolved configs and the reference page.
#include <string>
#include <utility>

#include <fmt/format.h>

#include <dropmuon/config/config.h>
#include <dropmuon/config/schema.h>

namespace dropmuon {
namespace {

constexpr std::size_t kMaxColumns = 100;

enum class Comments { none, all };

class Writer {
 public:
  Writer(const RunConfig& config, Comments comments) : config_(config), comments_(comments) {}

  std::string take() && { return std::move(out_); }

  void write_section(const std::string& path, const std::string& indent) {
    for (const std::string& name : config_schema().children(path)) {
      const std::string child = join_path(path, name);
      const ConfigKey* key = config_schema().find_key(child);
      if (key != nullptr) {
        write_key(*key, indent);
      } else {
        write_map(child, indent);
      }
    }
  }

 private:
  void write_key(const ConfigKey& key, const std::string& indent) {
    if (comments_ == Comments::all) write_comment(key, indent + "# ");
    out_ += fmt::format("{}{}: {}\n", indent, last_name(key.path), key.print(config_));
  }

  // Help and allowed values, on two lines if one would be too long.
  void write_comment(const ConfigKey& key, const std::string& start) {
    const bool fits = start.size() + key.help.size() + key.allowed.size() + 3 <= kMaxColumns;
    out_ += fmt::format("{}{}{}[{}]\n", start, key.help, fits ? " " : "\n" + start, key.allowed);
  }

  void write_map(const std::string& path, const std::string& indent) {
    const ConfigSection& section = *config_schema().find_section(path);
    const bool absent = section.present && !section.present(config_);
    if (comments_ == Comments::all) {
      if (indent.empty()) out_ += '\n';
      out_ += fmt::format("{}# {}\n", indent, section.help);
      if (absent) write_absent_keys(path, indent);
    }
    out_ += fmt::format("{}{}:{}\n", indent, last_name(path), absent ? " null" : "");
    if (!absent) write_section(path, indent + "  ");
  }

  // The keys of a section that is null by default, as comments.
  void write_absent_keys(const std::string& path, const std::string& indent) {
    RunConfig created = config_;
    config_schema().find_section(path)->create(created);
    for (const std::string& name : config_schema().children(path)) {
      const ConfigKey& key = *config_schema().find_key(join_path(path, name));
      write_comment(key, indent + "#   ");
      out_ += fmt::format("{}#   {}: {}\n", indent, name, key.print(created));
    }
  }

  const RunConfig& config_;
  Comments comments_;
  std::string out_;
};

std::string write(const RunConfig& config, Comments comments) {
  Writer writer(config, comments);
  writer.write_section("", "");
  return std::move(writer).take();
}

}  // namespace

std::string to_yaml(const RunConfig& config) { return write(config, Comments::none); }

std::string reference_yaml() {
  return "# Every key of a config with its default; a config may leave out any of them.\n"
         "# Written by: dropmuon config reference > configs/reference.yaml\n\n" +
         write(RunConfig{}, Comments::all);
}

}  // namespace dropmuon
