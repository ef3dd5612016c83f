#include "contracts/providers.h"

#include <algorithm>

#include "contracts/limits.h"

namespace assay::contracts {
namespace {

// Printable ASCII: what a terminal or a web page can show without surprises.
bool is_text(std::string_view text, size_t max_bytes) {
    return text.size() <= max_bytes &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

bool is_valid_sample(const pb::ScoreSample& sample) {
    return sample.score() > 0 && sample.score() <= kMaxScore && sample.gemm_mmacs() <= kMaxAmount &&
           sample.step_mmacs() <= kMaxAmount && sample.memory_mb() > 0 &&
           sample.memory_mb() <= kMaxMemoryMb && !sample.backend().empty() &&
           is_text(sample.backend(), kMaxBackendBytes) &&
           is_text(sample.device(), kMaxDeviceBytes) && sample.measured_ms() <= kMaxAmount;
}

TxCode malformed_unless(bool valid) {
    return valid ? TxCode::kOk : TxCode::kMalformedPayload;
}

}  // namespace

TxCode ProviderRegisterRule::preflight(const pb::ProviderRegister& message) {
    return malformed_unless(
        !message.moniker().empty() && is_text(message.moniker(), kMaxMonikerBytes) &&
        !message.endpoint().empty() && is_text(message.endpoint(), kMaxEndpointBytes) &&
        message.price_floor() > 0 && message.price_floor() <= kMaxPrice && message.capacity() > 0 &&
        message.capacity() <= kMaxCapacity && message.has_sample() &&
        is_valid_sample(message.sample()));
}

TxCode ProviderRegisterRule::apply(Context& context, const pb::ProviderRegister& message) {
    if (context.store.provider(context.sender)) return TxCode::kAlreadyExists;
    const auto stake = context.store.stake(context.sender);
    if (!stake || stake->bonded() < context.params.min_stake()) return TxCode::kStakeTooSmall;
    pb::Provider provider;
    provider.set_operator_(to_raw(context.sender));
    provider.set_moniker(message.moniker());
    provider.set_endpoint(message.endpoint());
    provider.set_price_floor(message.price_floor());
    provider.set_capacity(message.capacity());
    *provider.mutable_sample() = message.sample();
    provider.set_registered_ms(context.now());
    provider.set_active(true);
    context.store.put(provider);
    context.emit("provider.registered", {{"operator", hex_text(context.sender)},
                                         {"moniker", message.moniker()},
                                         {"endpoint", message.endpoint()},
                                         {"price_floor", decimal(message.price_floor())},
                                         {"capacity", decimal(message.capacity())},
                                         {"score", decimal(message.sample().score())},
                                         {"backend", message.sample().backend()}});
    return TxCode::kOk;
}

TxCode ProviderUpdateRule::preflight(const pb::ProviderUpdate& message) {
    return malformed_unless(is_text(message.endpoint(), kMaxEndpointBytes) &&
                            message.price_floor() <= kMaxPrice &&
                            message.capacity() <= kMaxCapacity &&
                            (!message.has_sample() || is_valid_sample(message.sample())));
}

TxCode ProviderUpdateRule::apply(Context& context, const pb::ProviderUpdate& message) {
    auto provider = context.store.provider(context.sender);
    if (!provider) return TxCode::kNotFound;
    if (!message.endpoint().empty()) provider->set_endpoint(message.endpoint());
    if (message.price_floor() > 0) provider->set_price_floor(message.price_floor());
    if (message.capacity() > 0) provider->set_capacity(message.capacity());
    if (message.has_sample()) *provider->mutable_sample() = message.sample();
    provider->set_active(message.active());
    if (message.active()) provider->set_suspended(false);
    context.store.put(*provider);
    context.emit("provider.updated", {{"operator", hex_text(context.sender)},
                                      {"endpoint", provider->endpoint()},
                                      {"price_floor", decimal(provider->price_floor())},
                                      {"capacity", decimal(provider->capacity())},
                                      {"score", decimal(provider->sample().score())},
                                      {"active", provider->active() ? "true" : "false"}});
    return TxCode::kOk;
}

void suspend(Context& context, const Address& owner, std::string_view reason) {
    pb::Provider provider = *context.store.provider(owner);
    if (provider.suspended()) return;
    provider.set_suspended(true);
    context.store.put(provider);
    context.emit("provider.suspended",
                 {{"operator", hex_text(owner)}, {"reason", std::string(reason)}});
}

void change_busy(Context& context, const Address& owner, int change) {
    pb::Provider provider = *context.store.provider(owner);
    provider.set_busy(provider.busy() + static_cast<uint32_t>(change));
    context.store.put(provider);
}

}  // namespace assay::contracts
