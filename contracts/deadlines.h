// When a deadline has passed: its header time is over and enough blocks were there to answer in.
//
// Without the second term a producer that stops for a while, and goes on with a header far in the
// future, would fine everybody who could not reach it. Blocks count from the window's opening, and
// anew from the first block after a long silence. Threads: those of the context. Errors: none.
#pragma once

#include "contracts/context.h"

namespace assay::contracts {

// `opened_height`: the block that opened the window; 0 if only a silence of the chain matters.
[[nodiscard]] bool has_passed(const Context& context, uint64_t due_ms, uint64_t opened_height,
                              uint64_t min_blocks);
// For the window that the slot's due_ms ends: an offer's, or that of a commit or reveal.
[[nodiscard]] bool has_passed(const Context& context, const pb::Slot& slot);

// Opens the slot's next window.
void open_window(const Context& context, pb::Slot& slot, uint64_t due_ms);

// Notes the block that ends, so that the next ones know about silences.
void note_block(Context& context);

}  // namespace assay::contracts
