#include "contracts/providers.h"

#include "contracts/limits.h"
#include "contracts/payload_checks.h"

namespace assay::contracts {
namespace {

Status check_sample(const pb::ScoreSample& sample) {
    ASSAY_RETURN_IF_ERROR(check_range("sample.score", sample.score(), 1, kMaxScore));
    ASSAY_RETURN_IF_ERROR(check_range("sample.gemm_mmacs", sample.gemm_mmacs(), 0, kMaxAmount));
    ASSAY_RETURN_IF_ERROR(check_range("sample.step_mmacs", sample.step_mmacs(), 0, kMaxAmount));
    ASSAY_RETURN_IF_ERROR(check_range("sample.shape_mmacs count",
                                      static_cast<uint64_t>(sample.shape_mmacs_size()), 0,
                                      kMaxSampleShapes));
    for (const uint64_t rate : sample.shape_mmacs())
        ASSAY_RETURN_IF_ERROR(check_range("sample.shape_mmacs", rate, 0, kMaxAmount));
    ASSAY_RETURN_IF_ERROR(check_range("sample.bandwidth_mb", sample.bandwidth_mb(), 0, kMaxAmount));
    ASSAY_RETURN_IF_ERROR(check_range("sample.memory_mb", sample.memory_mb(), 1, kMaxMemoryMb));
    ASSAY_RETURN_IF_ERROR(check_text("sample.backend", sample.backend(), 1, kMaxBackendBytes));
    ASSAY_RETURN_IF_ERROR(check_text("sample.device", sample.device(), 0, kMaxDeviceBytes));
    return check_range("sample.measured_ms", sample.measured_ms(), 0, kMaxAmount);
}

}  // namespace

Status ProviderRegisterRule::preflight(const pb::ProviderRegister& message) {
    ASSAY_RETURN_IF_ERROR(check_text("moniker", message.moniker(), 1, kMaxMonikerBytes));
    ASSAY_RETURN_IF_ERROR(check_text("endpoint", message.endpoint(), 1, kMaxEndpointBytes));
    ASSAY_RETURN_IF_ERROR(check_range("price_floor", message.price_floor(), 1, kMaxPrice));
    ASSAY_RETURN_IF_ERROR(check_range("capacity", message.capacity(), 1, kMaxCapacity));
    return check_sample(message.sample());
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

// Zero and empty fields leave what is recorded.
Status ProviderUpdateRule::preflight(const pb::ProviderUpdate& message) {
    ASSAY_RETURN_IF_ERROR(check_text("endpoint", message.endpoint(), 0, kMaxEndpointBytes));
    ASSAY_RETURN_IF_ERROR(check_range("price_floor", message.price_floor(), 0, kMaxPrice));
    ASSAY_RETURN_IF_ERROR(check_range("capacity", message.capacity(), 0, kMaxCapacity));
    return message.has_sample() ? check_sample(message.sample()) : Status();
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
