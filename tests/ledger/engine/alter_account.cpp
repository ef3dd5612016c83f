// ledger_alter_account DIR ADDRESS: adds one micro-unit to an account in a stopped node's stored
// state, behind the back of its tree: damage that no checksum of RocksDB finds.
#include <rocksdb/db.h>

#include <cstdio>

#include "base/bytes.h"
#include "contracts.pb.h"
#include "ledger/codec/canonical.h"

int main(int count, char** words) {
    const auto address =
        count == 3 ? assay::from_hex(std::string_view(words[2]).substr(2)) : std::nullopt;
    if (!address || address->size() != 20) {
        std::fprintf(stderr, "usage: ledger_alter_account DIR 0xADDRESS\n");
        return 2;
    }
    std::vector<std::string> names;
    const auto check = [](const rocksdb::Status& status) {
        if (status.ok()) return;
        std::fprintf(stderr, "%s\n", status.ToString().c_str());
        std::exit(1);
    };
    check(rocksdb::DB::ListColumnFamilies({}, words[1], &names));
    std::vector<rocksdb::ColumnFamilyDescriptor> columns;
    for (const std::string& name : names)
        columns.emplace_back(name, rocksdb::ColumnFamilyOptions());
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* db = nullptr;
    check(rocksdb::DB::Open({}, words[1], columns, &handles, &db));
    const std::string key = "\x10" + std::string(assay::text_of(*address));
    bool found = false;
    for (rocksdb::ColumnFamilyHandle* column : handles) {
        if (column->GetName() == "state") {
            std::string value;
            check(db->Get({}, column, key, &value));
            assay::pb::Account account;
            found = account.ParseFromString(value);
            account.set_balance(account.balance() + 1);
            const auto altered = assay::ledger::encode_message(account);
            check(db->Put({}, column, key, std::string(assay::text_of(altered))));
        }
    }
    for (rocksdb::ColumnFamilyHandle* column : handles) db->DestroyColumnFamilyHandle(column);
    check(db->Close());
    delete db;
    return found ? 0 : 1;
}
