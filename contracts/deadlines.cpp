#include "contracts/deadlines.h"

#include <algorithm>

#include "contracts/limits.h"

namespace assay::contracts {
namespace {

// The last block that came after a long silence, this one included. A chain whose every block is
// late gets a new one only when windows could close again, so that deadlines do pass.
uint64_t resumed_height(const Context& context) {
    const pb::Progress progress = context.store.progress();
    const uint64_t before_ms = context.block.previous_ms;
    const uint64_t silence = context.now() - std::min(before_ms, context.now());
    const bool late = before_ms != 0 && silence > kLongSilenceMs;
    const bool renewable = progress.resumed_height() == 0 ||
                           context.block.height > progress.resumed_height() + kMinWindowBlocks;
    return late && renewable ? context.block.height : progress.resumed_height();
}

}  // namespace

bool has_passed(const Context& context, uint64_t due_ms, uint64_t opened_height,
                uint64_t min_blocks) {
    if (context.now() < due_ms) return false;
    uint64_t last_height = opened_height == 0 ? 0 : opened_height + min_blocks;
    const uint64_t resumed = resumed_height(context);
    if (resumed != 0) last_height = std::max(last_height, resumed + min_blocks);
    return context.block.height >= last_height;
}

bool has_passed(const Context& context, const pb::Slot& slot) {
    return has_passed(context, slot.due_ms(), slot.opened_height(),
                      slot.state() == pb::SLOT_OFFERED ? kMinAcceptBlocks : kMinWindowBlocks);
}

void open_window(const Context& context, pb::Slot& slot, uint64_t due_ms) {
    slot.set_due_ms(due_ms);
    slot.set_opened_height(context.block.height);
}

void note_block(Context& context) {
    // Written only when it changes: a quiet chain's state stays as it is.
    pb::Progress progress = context.store.progress();
    const uint64_t resumed = resumed_height(context);
    if (resumed == progress.resumed_height()) return;
    progress.set_resumed_height(resumed);
    context.store.put(progress);
}

}  // namespace assay::contracts
