#include "ledger/audit/replay.h"

#include <cstdlib>
#include <filesystem>

#include "ledger/audit/blame.h"
#include "ledger/audit/block_prefetch.h"
#include "ledger/audit/certificate.h"
#include "ledger/audit/event_diff.h"
#include "ledger/audit/export_file.h"
#include "ledger/codec/block.h"

namespace assay::ledger {
namespace {

// The directory of the replayed database; a temporary one is removed with its guard.
class WorkDirectory {
public:
    static Result<WorkDirectory> create(const std::string& wanted) {
        namespace fs = std::filesystem;
        std::error_code error;
        if (!wanted.empty()) {
            if (fs::exists(wanted, error) && !fs::is_empty(wanted, error))
                return fail(Code::kAlreadyExists,
                            "replay: directory '" + wanted + "' is not empty");
            return WorkDirectory(wanted, false);
        }
        std::string name = (fs::temp_directory_path(error) / "assay-replay-XXXXXX").string();
        if (error || mkdtemp(name.data()) == nullptr)
            return fail(Code::kIo, "replay: cannot make a temporary directory '" + name + "'");
        return WorkDirectory(name, true);
    }
    WorkDirectory(WorkDirectory&& other) noexcept
        : path_(std::move(other.path_)), is_temporary_(std::exchange(other.is_temporary_, false)) {}
    WorkDirectory& operator=(WorkDirectory&&) = delete;
    ~WorkDirectory() {
        std::error_code ignored;
        if (is_temporary_) std::filesystem::remove_all(path_, ignored);
    }
    const std::string& path() const { return path_; }

private:
    WorkDirectory(std::string path, bool is_temporary)
        : path_(std::move(path)), is_temporary_(is_temporary) {}
    std::string path_;
    bool is_temporary_;
};

Error at_height(uint64_t height, const Error& error) {
    return fail(error.code, "height " + std::to_string(height) + ": " + error.message);
}

struct Trailer {
    uint64_t blocks = 0;
    Hash256 head_hash;
};

Result<Trailer> decode_trailer(ByteView payload) {
    constexpr size_t size = 40;
    if (payload.size() != size)
        return fail(Code::kCorrupt, "trailer: must be 40 bytes (truncated file?)");
    return Trailer{read_be64(payload.first(8)), *hash_from(payload.subspan(8))};
}

// A frame, and for a block the events that the file records for it.
struct Item {
    Frame frame;
    std::optional<Bytes> events, certificate;
};

class Replay {
public:
    Replay(ExportReader reader, const Rules& rules, const ReplayOptions& options)
        : reader_(std::move(reader)), rules_(rules), options_(options) {}

    Result<ReplayReport> run(const std::string& directory) {
        ASSAY_RETURN_IF_ERROR(start(directory));
        while (true) {
            const auto item = next_item();
            if (!item) return at_height(tip_.height + 1, item.error());
            const Frame* const frame = &item->frame;
            if (frame->kind == FrameKind::kEnd) return finish(frame->payload);
            if (frame->kind != FrameKind::kBlock)
                return at_height(tip_.height + 1,
                                 fail(Code::kCorrupt, "frame.kind: a block or the end must come"));
            const Result<SharedBlock> block =
                prefetch_->has_block() ? prefetch_->take() : decode_shared(frame->payload);
            read_ahead();
            const Status applied =
                block ? apply(**block, *item) : Status(explain_undecodable(block.error()));
            if (!applied) return at_height(tip_.height + 1, applied.error());
        }
    }

private:
    Status start(const std::string& directory);
    Status apply(const pb::Block& block, const Item& item);
    Status check_decided(const pb::Block& block, const Item& item) const;
    [[nodiscard]] std::vector<ValidatorPower> current_validators() const;
    Status check_events(const std::optional<Bytes>& recorded, const FinalizedBlock& executed) const;
    Error explain(const Error& wrong_hash, const pb::Block& block,
                  const std::optional<Bytes>& recorded, const FinalizedBlock& executed);
    [[nodiscard]] Error explain_undecodable(const Error& error) const;
    Result<Item> next_item();
    Result<Item> read_item();
    void read_ahead();
    std::optional<Hash256> hash_told_by_next_frame() const;
    Result<ReplayReport> finish(ByteView trailer_bytes);

    ExportReader reader_;
    const Rules& rules_;
    const ReplayOptions& options_;
    std::unique_ptr<Database> database_;
    std::unique_ptr<LocalApplication> app_;
    std::unique_ptr<BlockPrefetch> prefetch_;  // before app_ goes, this does
    std::optional<Result<Item>> ahead_;        // what comes after the block being applied
    pb::Genesis genesis_;
    ChainTip tip_;
    Signers signers_;  // of the block after tip_
    ReplayReport report_;
};

Status Replay::start(const std::string& directory) {
    auto frame = reader_.next();
    if (!frame) return fail(frame.error().code, "genesis: " + frame.error().message);
    constexpr size_t hash_size = sizeof(Hash256::bytes);
    if (frame->kind != FrameKind::kGenesis || frame->payload.size() < hash_size)
        return fail(Code::kCorrupt, "genesis: frame.kind: the genesis frame must come first");
    const ByteView payload = frame->payload;
    const Hash256 stated = *hash_from(payload.first(hash_size));
    ASSAY_ASSIGN(genesis_, decode_genesis(payload.subspan(hash_size)));
    report_.genesis_hash = genesis_hash(genesis_);
    if (stated != report_.genesis_hash)
        return fail(Code::kCorrupt, "genesis: its hash is " + to_hex(report_.genesis_hash) +
                                        ", the file states " + to_hex(stated));
    if (options_.expected_genesis && stated != *options_.expected_genesis)
        return fail(Code::kConflict, "genesis: this is chain '" + genesis_.chain_id() +
                                         "' with hash " + to_hex(stated) + ", expected " +
                                         to_hex(*options_.expected_genesis));
    DatabaseOptions database_options;
    database_options.sync = false;
    ASSAY_ASSIGN(database_, Database::open(directory, database_options));
    LocalApplicationOptions app_options;
    app_options.threads = options_.threads;
    app_options.on_stage = options_.on_stage;
    ASSAY_ASSIGN(app_, LocalApplication::open(rules_, *database_, app_options));
    const auto root = app_->init_chain(genesis_);
    if (!root) return fail(root.error().code, "genesis: " + root.error().message);
    prefetch_ =
        std::make_unique<BlockPrefetch>(app_->verifier(), genesis_.chain_id(), options_.threads);
    report_.chain_id = genesis_.chain_id();
    tip_ = genesis_tip(genesis_);
    signers_ = {current_validators(), current_validators()};
    return {};
}

Result<Item> Replay::read_item() {
    Item item;
    ASSAY_ASSIGN(item.frame, reader_.next());
    if (item.frame.kind == FrameKind::kEvents) {
        item.events = std::move(item.frame.payload);
        ASSAY_ASSIGN(item.frame, reader_.next());
    }
    if (item.frame.kind == FrameKind::kCertificate) {
        item.certificate = std::move(item.frame.payload);
        ASSAY_ASSIGN(item.frame, reader_.next());
    }
    if ((item.events || item.certificate) && item.frame.kind != FrameKind::kBlock)
        return fail(Code::kCorrupt, "frame.kind: a block must follow its events and certificate");
    return item;
}

Result<Item> Replay::next_item() {
    if (!ahead_) return read_item();
    Result<Item> item = std::move(*ahead_);
    ahead_.reset();
    return item;
}

void Replay::read_ahead() {
    ahead_ = read_item();
    if (*ahead_ && (*ahead_)->frame.kind == FrameKind::kBlock)
        prefetch_->start((*ahead_)->frame.payload);
}

Error Replay::explain_undecodable(const Error& error) const {
    // A wrong length would also leave the next frame's start in the wrong place.
    if (ahead_ && !*ahead_)
        return fail(Code::kCorrupt, "frame.length: no frame follows (" + error.message + ")");
    return error;
}

Status Replay::check_events(const std::optional<Bytes>& recorded,
                            const FinalizedBlock& executed) const {
    if (!recorded) return {};
    ASSAY_ASSIGN(const auto events, decode_event_list(*recorded));
    const auto difference = first_event_difference(events, executed.events);
    return difference ? Status(fail(Code::kCorrupt, *difference)) : Status();
}

Error Replay::explain(const Error& wrong_hash, const pb::Block& block,
                      const std::optional<Bytes>& recorded, const FinalizedBlock& executed) {
    std::string text = wrong_hash.message;
    const Status events = check_events(recorded, executed);
    if (!events) {
        text += "; the first event that differs: " + events.error().message;
    } else if (recorded) {
        text += "; the recorded events are those of the rules, so the state differs beside them";
    } else {
        text += "; the file records no events of this block";
    }
    if (options_.explain) {
        const auto more = explain_block(block, tip_, rules_, *app_, *database_, options_.explain);
        if (more && !more->empty()) text += "; " + *more;
    }
    return fail(wrong_hash.code, text);
}

// Under CometBFT the validators' signatures stand behind a block.
Status Replay::check_decided(const pb::Block& block, const Item& item) const {
    const bool has_validators = genesis_.validators_size() > 0;
    if (has_validators != item.certificate.has_value())
        return fail(Code::kCorrupt, has_validators
                                        ? "certificate: missing"
                                        : "certificate: a producer signs this chain's blocks");
    if (!has_validators) return {};
    return check_certificate(*item.certificate, block, signers_, app_->info().app_hash);
}

std::vector<ValidatorPower> Replay::current_validators() const {
    auto validators = rules_.validators(*app_->committed_state());
    if (!validators.empty()) return validators;
    for (const pb::GenesisValidator& v : genesis_.validators())
        validators.push_back({bytes_of(v.consensus_key()), v.power()});
    return validators;
}

Status Replay::apply(const pb::Block& block, const Item& item) {
    const std::optional<Bytes>& recorded = item.events;
    ASSAY_RETURN_IF_ERROR(app_->check_version());
    ASSAY_RETURN_IF_ERROR(check_decided(block, item));
    Status valid = check_before_execution(block, tip_, genesis_, app_->info().app_version);
    if (!valid) {
        const SuspectBlock suspect{block, tip_, hash_told_by_next_frame()};
        return blame_field(valid.error(), suspect, *app_);
    }
    ASSAY_ASSIGN(FinalizedBlock executed, app_->finalize_block(proposal_of(block, tip_)));
    const Status after = check_after_execution(block, executed);
    if (!after) return explain(after.error(), block, recorded, executed);
    ASSAY_RETURN_IF_ERROR(check_events(recorded, executed));
    if (options_.on_stage) options_.on_stage(BlockStage::kChecks);
    app_->attach_block(item.frame.payload);
    ASSAY_RETURN_IF_ERROR(app_->commit());
    signers_.now = std::move(signers_.next);
    signers_.next = current_validators();
    tip_ = tip_of(block.header());
    report_.transactions += static_cast<uint64_t>(block.transactions_size());
    report_.events += executed.events.size();
    if (options_.on_block) options_.on_block({block, tip_.hash, std::move(executed.events)});
    return {};
}

std::optional<Hash256> Replay::hash_told_by_next_frame() const {
    if (!ahead_ || !*ahead_) return std::nullopt;
    const Frame* const frame = &ahead_->value().frame;
    if (frame->kind == FrameKind::kEnd) {
        const auto trailer = decode_trailer(frame->payload);
        return trailer ? std::optional(trailer->head_hash) : std::nullopt;
    }
    const auto block = decode_block(frame->payload);
    if (!block) return std::nullopt;
    return hash_from(view_of(block->header().previous_hash()));
}

Result<ReplayReport> Replay::finish(ByteView trailer_bytes) {
    ASSAY_ASSIGN(const Trailer trailer, decode_trailer(trailer_bytes));
    if (trailer.blocks != tip_.height)
        return fail(Code::kCorrupt, "trailer.blocks: is " + std::to_string(trailer.blocks) +
                                        ", the file holds " + std::to_string(tip_.height));
    if (trailer.head_hash != tip_.hash)
        return fail(Code::kCorrupt, "trailer.head_hash: is " + to_hex(trailer.head_hash) +
                                        ", the last header's hash is " + to_hex(tip_.hash));
    ASSAY_RETURN_IF_ERROR(reader_.check_digest());
    if (const auto law = rules_.broken_global_invariant(*app_->committed_state()))
        return at_height(tip_.height, fail(Code::kInternal, "state: broken invariant: " + *law));
    report_.height = tip_.height;
    report_.head_hash = tip_.hash;
    report_.app_hash = app_->info().app_hash;
    return report_;
}

}  // namespace

Result<ReplayReport> replay_export(const std::string& path, const Rules& rules,
                                   const ReplayOptions& options) {
    ASSAY_ASSIGN(ExportReader reader, ExportReader::open(path));
    ASSAY_ASSIGN(const WorkDirectory directory, WorkDirectory::create(options.directory));
    return Replay(std::move(reader), rules, options).run(directory.path());
}

}  // namespace assay::ledger
