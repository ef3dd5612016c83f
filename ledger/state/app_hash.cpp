#include "ledger/state/app_hash.h"

#include "ledger/state/merkle_hash.h"

namespace assay::ledger {

Hash256 app_hash_of(const AppHashParts& parts) {
    Bytes input{0x02};
    append(input, parts.state_root.view());
    append(input, parts.log_root.view());
    append_be64(input, parts.log_size);
    append(input, parts.params_hash.view());
    return plain_hash(input);
}

}  // namespace assay::ledger
