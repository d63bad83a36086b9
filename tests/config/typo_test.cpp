// SPDX-License-Identifier: MIT
// One-letter typing errors in every key and every enum word, found through the reference page.
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "catch.h"
#include "config_fixture.h"

using namespace dropmuon;

namespace {

// What can be misspelt, and the config text that holds the misspelling.
struct Word {
  std::string right;
  std::set<std::string> siblings;
  std::function<std::string(const std::string&)> text;
};

struct Entry {
  std::string path;
  std::vector<std::string> choices;
};

// Keys with their choices, from lines such as "# Help. [a | b]" before "  key: value".
std::vector<Entry> reference_entries() {
  std::vector<Entry> entries;
  std::vector<std::string> parents;
  std::vector<std::string> choices;
  for (const std::string& line : split_lines(reference_yaml())) {
    const std::size_t indent = line.find_first_not_of(' ');
    if (indent == std::string::npos) continue;
    if (line[indent] == '#') {
      const std::size_t open = line.rfind('[');
      choices.clear();
      if (open == std::string::npos || line.find(" | ", open) == std::string::npos) continue;
      std::string list = line.substr(open + 1, line.rfind(']') - open - 1);
      for (std::size_t bar; (bar = list.find(" | ")) != std::string::npos;) {
        choices.push_back(list.substr(0, bar));
        list.erase(0, bar + 3);
      }
      choices.push_back(list);
      continue;
    }
    parents.resize(indent / 2);
    const std::string name = line.substr(indent, line.find(':') - indent);
    std::string path;
    for (const std::string& parent : parents) path += parent + ".";
    entries.push_back({path + name, choices});
    parents.push_back(name);
    choices.clear();
  }
  return entries;
}

// "a.b" and value -> "{a: {b: value}}"
std::string nested(const std::string& path, const std::string& value) {
  std::string text = "{";
  std::string close = "}";
  for (const char letter : path) {
    text += letter == '.' ? ": {" : std::string(1, letter);
    if (letter == '.') close += "}";
  }
  return text + ": " + value + close + "\n";
}

std::vector<Word> misspellable_words() {
  const std::vector<Entry> entries = reference_entries();
  std::vector<Word> words;
  for (const Entry& entry : entries) {
    const std::size_t dot = entry.path.rfind('.');
    const std::string parent = dot == std::string::npos ? "" : entry.path.substr(0, dot + 1);
    std::set<std::string> siblings;
    for (const Entry& other : entries) {
      if (other.path.starts_with(parent)) siblings.insert(other.path.substr(parent.size()));
    }
    words.push_back({entry.path.substr(parent.size()), siblings,
                     [parent](const std::string& typo) { return nested(parent + typo, "1"); }});
    for (const std::string& choice : entry.choices) {
      words.push_back({choice, std::set<std::string>(entry.choices.begin(), entry.choices.end()),
                       [entry](const std::string& typo) { return nested(entry.path, typo); }});
    }
  }
  return words;
}

// A letter left out, doubled, replaced, or swapped with its neighbour, at every position.
std::set<std::string> typos(const Word& word) {
  std::set<std::string> out;
  for (std::size_t i = 0; i < word.right.size(); ++i) {
    std::string doubled = word.right;
    doubled.insert(i, 1, word.right[i]);
    std::string replaced = word.right;
    replaced[i] = word.right[i] == 'x' ? 'q' : 'x';
    std::string missing = word.right;
    missing.erase(i, 1);
    out.insert({doubled, replaced, missing});
    if (i + 1 < word.right.size()) {
      std::string swapped = word.right;
      std::swap(swapped[i], swapped[i + 1]);
      out.insert(swapped);
    }
  }
  for (const std::string& valid : word.siblings) out.erase(valid);
  return out;
}

}  // namespace

TEST_CASE("config: 95 % of all one-letter typos get the right suggestion") {
  int tried = 0;
  int right = 0;
  std::string misses;
  for (const Word& word : misspellable_words()) {
    for (const std::string& typo : typos(word)) {
      if (typo.size() < 2) continue;  // one letter says too little
      const std::string message = refusal(word.text(typo));
      ++tried;
      if (message.find("did you mean '" + word.right + "'?") != std::string::npos) {
        ++right;
      } else {
        misses += word.right + " <- " + typo + ": " + message + "\n";
      }
    }
  }
  INFO(misses);
  INFO(right << " of " << tried);
  CHECK(tried >= 1000);
  CHECK(right >= tried * 95 / 100);
}
