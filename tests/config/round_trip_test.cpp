// SPDX-License-Identifier: MIT
// Whatever text somebody puts behind KEY=: the run has exactly that text, or there is a failure.
#include <cctype>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include <yaml-cpp/yaml.h>

#include "catch.h"
#include "config_fixture.h"

using namespace dropmuon;

namespace {

struct TextKey {
  std::string path;
  std::function<std::string(const RunConfig&)> value;
};

const std::vector<TextKey>& text_keys() {
  static const std::vector<TextKey> keys = {
      {"name", [](const RunConfig& c) { return c.name; }},
      {"runs_dir", [](const RunConfig& c) { return c.runs_dir; }},
      {"data.root", [](const RunConfig& c) { return c.experiment.data.root; }},
      {"data.dataset", [](const RunConfig& c) { return c.experiment.data.dataset; }},
      {"device", [](const RunConfig& c) { return c.device.device; }},
      {"train.init_from",
       [](const RunConfig& c) { return c.experiment.train.init_from.value_or("null"); }},
  };
  return keys;
}

// Every printable letter at the beginning, in the middle after a blank, and at the end; what YAML
// reads in its own way; letters of more than one byte.
std::vector<std::string> many_texts() {
  std::vector<std::string> texts = {"a: b",
                                    "a:b",
                                    "- a",
                                    "[a, b]",
                                    "{a: b}",
                                    "a, b",
                                    "null",
                                    "Null",
                                    "true",
                                    "0x10",
                                    "1e3",
                                    "*a",
                                    "&a b",
                                    "!a b",
                                    "!!str",
                                    "| a",
                                    "> a",
                                    "%a",
                                    "@a",
                                    "`a`",
                                    "a\\nb",
                                    "\\",
                                    "a\\",
                                    "--- a",
                                    "...",
                                    "a  b",
                                    " a",
                                    "a ",
                                    "a\tb",
                                    "a\nb",
                                    "'",
                                    "\"",
                                    "'a",
                                    "\"a",
                                    "a'",
                                    "it's",
                                    "''a",
                                    "a\"b",
                                    "'a' b",
                                    "\"a\" b",
                                    "a=b",
                                    "=",
                                    "a#b",
                                    "a #b",
                                    "#a",
                                    "? a",
                                    ": a",
                                    "a:",
                                    "<<",
                                    "-",
                                    "ü",
                                    "日本語",
                                    "a\xc2\xa0 b",
                                    "a\xe3\x80\x80"
                                    "b",
                                    "a\xc2\x85"
                                    "b",
                                    "a\xe2\x80\xa8"
                                    "b",
                                    "a\xef\xbb\xbf"
                                    "b",
                                    "/data/my set #1",
                                    "runs/a #2/w.safetensors",
                                    "",
                                    "\x01",
                                    "\xff"};
  for (char letter = ' '; letter < 0x7F; ++letter) {
    texts.push_back({letter, 'a'});
    texts.push_back({'a', ' ', letter, 'b'});
    texts.push_back({'a', letter});
    texts.push_back({letter});
  }
  return texts;
}

std::string doubly_quoted(const std::string& text) {
  std::string out = "\"";
  for (const char letter : text) {
    if (letter == '"' || letter == '\\') out += '\\';
    out += letter;
  }
  return out + "\"";
}

// "" if `item` sets `key` to `text`, as read and as written and read again, or is refused.
std::string misread(const TextKey& key, const std::string& item, const std::string& text) {
  RunConfig config;
  try {
    config = load_text("seed: 1\n", {key.path + "=" + item});
  } catch (const Error&) {
    return "";
  }
  if (key.value(config) != text) return "read as '" + key.value(config) + "'";
  const std::string again = key.value(load_text(to_yaml(config)));
  return again == text ? "" : "written and read again as '" + again + "'";
}

}  // namespace

TEST_CASE("config: the text behind KEY= is the value, or is refused") {
  for (const TextKey& key : text_keys()) {
    for (const std::string& text : many_texts()) {
      if (text.starts_with("~")) continue;  // home: below
      CAPTURE(key.path, text);
      if (text.size() < 2 || (text.front() != '\'' && text.front() != '"') ||
          text.back() != text.front()) {
        CHECK(misread(key, text, text).empty());
      }
      if (text != "null") CHECK(misread(key, doubly_quoted(text), text).empty());
    }
  }
}

TEST_CASE("config: a text that looks like another type is written in quotes") {
  std::vector<std::string> texts = {
      "0",   "7",    "10",  "007", "0o17",  "0x10",       "0XfF",   "0b101",      "1_000", "1e3",
      "1E3", "1e-3", "1.5", "1.",  "12.e3", "2026-11-28", "1.5e-3", "685_230.15", "0x_1F"};
  for (const std::string word : {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}) {
    std::string capital = word;
    std::string capitals;
    capital[0] = static_cast<char>(std::toupper(capital[0]));
    for (const char letter : word) capitals += static_cast<char>(std::toupper(letter));
    texts.insert(texts.end(), {word, capital, capitals});
  }
  // The name of a run allows few letters, a path any.
  const std::vector<std::string> of_paths = {"~",    ".5", ".inf",  "-.INF", ".nan",
                                             "-1",   "+1", "-0x10", "=",     "<<",
                                             "1:30", "-",  "---",   "a: b",  "12:30:45"};
  const auto check = [](const TextKey& key, const std::string& text) {
    CAPTURE(key.path, text);
    const std::string quoted = key.path + "=\"" + text + "\"";
    const std::string written = to_yaml(load_text("seed: 1\n", {quoted}));
    CHECK(key.value(load_text(written)) == text);
    YAML::Node node = YAML::Load(written);  // by another reader of YAML
    for (std::size_t begin = 0; begin != std::string::npos;) {
      const std::size_t dot = key.path.find('.', begin);
      node.reset(node[key.path.substr(begin, dot - begin)]);
      begin = dot == std::string::npos ? dot : dot + 1;
    }
    CHECK(node.Tag() == "!");  // in quotes: a text and nothing else
    CHECK(node.as<std::string>() == text);
  };
  for (const TextKey& key : text_keys()) {
    if (key.path == "data.dataset" || key.path == "device") continue;  // one of a few words
    for (const std::string& text : texts) check(key, text);
    for (const std::string& text : of_paths) {
      if (key.path != "name" && !text.starts_with("~")) check(key, text);
    }
  }
  for (const std::string plain : {"runs", "a1", "e3", "nothing", "1st", "data/0x10", "x.5"}) {
    CHECK_THAT(to_yaml(load_text("seed: 1\n", {"runs_dir=" + plain})),
               Catch::Contains("runs_dir: " + plain + "\n"));
  }
}

TEST_CASE("config: a folder may have any printable name, and one in quotes is unquoted") {
  const auto root = [](const std::string& value) {
    return load_text("seed: 1\n", {"data.root=" + value}).experiment.data.root;
  };
  for (const std::string text : {"/data/my set #1", "a: b", " a ", "*a", "[a", "it's", "日本 語"}) {
    CHECK(root(text) == text);
  }
  CHECK(root("\"a b\"") == "a b");
  CHECK(root("'it''s'") == "it's");
  CHECK(root("'a' b") == "'a' b");
  const auto start = [](const std::string& value) {
    return load_text("seed: 1\n", {"train.init_from=" + value}).experiment.train.init_from;
  };
  CHECK_FALSE(start("null"));
  CHECK(start("\"null\"") == "null");
  CHECK(start("runs/a #2/w") == "runs/a #2/w");
}

TEST_CASE("config: a value that is no text has no comment and nothing that is left out") {
  for (const std::string item :
       {"train.epochs=3 # x", "train.epochs=3 #", "seed=1#2", "optimizer.type=sgd # x",
        "model.channels=[8] # x", "train.target=null # x", "train.epochs=--- 3", "seed=!!int 3",
        "seed=&a 3", "seed=3\n", "seed=3\n...\n", "graphs=true\n---\n"}) {
    INFO(item);
    CHECK(refusal("seed: 1\n", {item}).starts_with("override '"));
  }
}

TEST_CASE("config: a byte that is no UTF-8 is not a matter of saving a file") {
  for (const std::string item : {"runs_dir=a\xff", "seed=\xff", "train.target=\xff"}) {
    const std::string message = refusal("seed: 1\n", {item});
    INFO(message);
    CHECK(message.find("found the byte 0xff") != std::string::npos);
    CHECK(message.find("save the file") == std::string::npos);
  }
}

TEST_CASE("config: ~ is the home folder in every path, and what only a shell knows is refused") {
  const std::string home = std::getenv("HOME") == nullptr ? "" : std::getenv("HOME");
  setenv("HOME", "/home/ada/", 1);
  for (const TextKey& key : text_keys()) {
    if (key.path == "name" || key.path == "data.dataset" || key.path == "device") continue;
    const auto value = [&](const std::string& text) {
      return key.value(load_text("seed: 1\n", {key.path + "=" + text}));
    };
    INFO(key.path);
    CHECK(value("~/runs") == "/home/ada/runs");
    CHECK(value("~") == "/home/ada");
    CHECK(value("a/~") == "a/~");
    CHECK(value("./$HOME") == "./$HOME");
    for (const std::string text : {"~ada/runs", "$HOME/runs", "${HOME}/runs"}) {
      CHECK_THAT(refusal("seed: 1\n", {key.path + "=" + text}),
                 Catch::Contains("write the folder out"));
    }
    unsetenv("HOME");
    CHECK_THAT(refusal("seed: 1\n", {key.path + "=~/runs"}),
               Catch::Contains("write the folder out"));
    setenv("HOME", "/home/ada/", 1);
  }
  CHECK(load_text("runs_dir: ~/runs\ndata: {root: '~/d'}\n").runs_dir == "/home/ada/runs");
  CHECK(refusal("runs_dir: ~ada\n").starts_with("f.yaml:1:11: runs_dir: "));
  setenv("HOME", home.c_str(), 1);
}
