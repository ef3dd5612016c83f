#include "ledger/state/view.h"

#include "tests/ledger/state/support.h"

namespace assay::ledger {
namespace {

using test::Random;
using Model = std::map<Bytes, Bytes>;
using Pairs = std::vector<std::pair<Bytes, Bytes>>;

class MapView : public ReadView {
public:
    explicit MapView(Model model) : model_(std::move(model)) {}
    std::optional<Bytes> get(ByteView key) const override {
        const auto found = model_.find(bytes_of(key));
        return found == model_.end() ? std::nullopt : std::optional(found->second);
    }
    void scan(ByteView prefix, const Visitor& visit) const override {
        for (auto row = model_.lower_bound(bytes_of(prefix)); row != model_.end(); ++row) {
            if (!text_of(row->first).starts_with(text_of(prefix))) return;
            if (!visit(row->first, row->second)) return;
        }
    }

private:
    Model model_;
};

Pairs collect(const ReadView& view, const Bytes& prefix, size_t limit = SIZE_MAX) {
    Pairs pairs;
    if (limit == 0) return pairs;
    view.scan(prefix, [&](ByteView key, ByteView value) {
        pairs.emplace_back(bytes_of(key), bytes_of(value));
        return pairs.size() < limit;
    });
    return pairs;
}

Bytes short_key(Random& random) {
    Bytes key(random.below(4));
    for (uint8_t& byte : key)
        byte = random.below(4) == 3 ? 0xff : static_cast<uint8_t>(random.below(3));
    return key;
}

TEST(State, NestedOverlaysEqualAMapUnderRandomWritesAndScans) {
    Random random(1);
    for (int round = 0; round < 400; ++round) {
        Model model;
        for (int i = 0; i < 15; ++i) model[short_key(random)] = random.bytes(2);
        const MapView base(model);
        State outer(base);
        State inner(outer);
        for (State* state : {&outer, &inner}) {
            for (int i = 0; i < 12; ++i) {
                const Bytes key = short_key(random);
                if (random.below(2) == 0) {
                    state->erase(key);
                    model.erase(key);
                } else {
                    const Bytes value = random.bytes(2);
                    state->put(key, value);
                    model[key] = value;
                }
            }
        }
        const MapView expected(model);
        for (int i = 0; i < 30; ++i) {
            const Bytes key = short_key(random);
            ASSERT_EQ(inner.get(key), expected.get(key));
            ASSERT_EQ(collect(inner, key), collect(expected, key));
            const size_t limit = 1 + random.below(5);
            ASSERT_EQ(collect(inner, key, limit), collect(expected, key, limit));
        }
        outer.merge(inner.changes());
        inner.clear();
        ASSERT_EQ(collect(outer, {}), collect(expected, {}));
        ASSERT_EQ(collect(inner, {}), collect(expected, {}));
    }
}

TEST(State, AStateOverAStateStartsWithoutPendingWrites) {
    const MapView base({});
    State outer(base);
    outer.put(bytes_of("a"), {1});
    const State inner(outer);
    EXPECT_TRUE(inner.changes().empty());
    EXPECT_EQ(inner.get(bytes_of("a")), Bytes{1});
    outer.erase(bytes_of("a"));
    EXPECT_EQ(inner.get(bytes_of("a")), std::nullopt);
}

TEST(State, AnErasedKeyIsARecordedChange) {
    const MapView base({});
    State state(base);
    state.put(bytes_of("a"), {1});
    state.erase(bytes_of("a"));
    ASSERT_EQ(state.changes().size(), 1U);
    EXPECT_EQ(state.changes().begin()->second, std::nullopt);
    EXPECT_EQ(state.get(bytes_of("a")), std::nullopt);
}

}  // namespace
}  // namespace assay::ledger
