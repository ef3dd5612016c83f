// A decoded transaction whose encoding, chain id and signature have been checked: what the rules
// receive. Plain value.
#pragma once

#include "base/bytes.h"
#include "ledger.pb.h"
#include "ledger/codec/address.h"

namespace assay::ledger {

struct CheckedTx {
    pb::TxBody body;
    Address sender;
    Hash256 hash;
};

}  // namespace assay::ledger
