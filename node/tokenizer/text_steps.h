// What happens to text before byte-pair encoding: normalizers (text to text) and pre-tokenizers
// (text to words), as a tokenizer.json lists them.
//
// Unicode by ICU. Ownership: each step owns its compiled pattern. Threads: const calls from several
// threads are safe (a matcher is made for each call). Errors: kUnsupported from the makers, naming
// the step's type or setting.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace assay::node {

using Normalizer = std::function<std::string(std::string)>;
// `normalizer` member; null gives a step that changes nothing.
Result<Normalizer> make_normalizer(const nlohmann::json& description);

// Pieces in order. A pre-tokenizer replaces each piece by its words.
struct Pieces {
    std::vector<std::string> words;
    bool starts_text = true;  // the first piece is at the start of the whole text
};
using PreTokenizer = std::function<Status(Pieces&)>;
// `pre_tokenizer` member; null leaves the text as one word.
Result<PreTokenizer> make_pre_tokenizer(const nlohmann::json& description);

// The printable stand-in of each byte in byte-level vocabularies, as UTF-8 (the table of GPT-2).
const std::vector<std::string>& byte_characters();

}  // namespace assay::node
