// SPDX-License-Identifier: MIT
// Whatever text somebody puts behind KEY=: the run has exactly that text, or there is a failure.
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

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
