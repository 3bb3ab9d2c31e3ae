/**
 * The commands that restore a backup with standard tools only. docs/repository-format.md explains each and has the same
 * text; a test compares them, and runs them.
 */
export const runbookCommands = {
  keys: `LIST=$(ls "$STORE"/keys/*.json | tail -n 1)
head -n 1 "$LIST" > keys.text; tail -n +2 "$LIST" > keys.sig
ssh-keygen -Y check-novalidate -n muster-keys -s keys.sig < keys.text | grep -F "$ROOT_FINGERPRINT"
jq -r '.keys[] | select(.revokedSince == null) | .name + " " + .publicKey' keys.text > allowed
`,
  manifest: `head -n 1 "$STORE/$BACKUP/manifest.json" > manifest.text; tail -n +2 "$STORE/$BACKUP/manifest.json" > manifest.sig
ssh-keygen -Y verify -f allowed -I "$(jq -r .writer.host manifest.text)" -n muster-manifest -s manifest.sig < manifest.text
jq -r '.objects[] | .sha256 + "  " + .key' manifest.text > sums
(cd "$STORE" && sha256sum --check --quiet -) < sums
`,
  tree: `KEY=$(jq -r '.objects[] | select(.role == "index") | .key' manifest.text)
age -d -i "$IDENTITY" -o index.zst "$STORE/$KEY"
zstd -q -d -f -o index.jsonl index.zst
jq -rn 'reduce inputs as $line ({}; if $line.object then .[$line.object] = $line.root else . end)
  | to_entries[] | .key + " " + (.value | tostring)' index.jsonl > parts
sort -V -o parts parts
while read -r ROLE ROOT; do
  KEY=$(jq -r --arg role "$ROLE" '.objects[] | select(.role == $role) | .key' manifest.text)
  mkdir -p "$OUT/$ROOT"
  age -d -i "$IDENTITY" -o object.tar.zst "$STORE/$KEY"
  tar --extract --numeric-owner --same-permissions --delay-directory-restore --acls --xattrs \\
    --file object.tar.zst --use-compress-program zstd -C "$OUT/$ROOT"
  rm object.tar.zst
done < parts
`,
  base: `chmod 0700 "$OUT"
KEY=$(jq -r '.objects[] | select(.role == "base") | .key' manifest.text)
age -d -i "$IDENTITY" -o base.tar.zst "$STORE/$KEY"
tar --extract --file base.tar.zst --use-compress-program zstd -C "$OUT"
rm base.tar.zst
jq -r '.postgresql.tablespaces[].oid' manifest.text > tablespaces
while read -r OID; do
  KEY=$(jq -r --arg role "tablespace:$OID" '.objects[] | select(.role == $role) | .key' manifest.text)
  mkdir -p -m 0700 "$OUT.tablespaces/$OID"
  age -d -i "$IDENTITY" -o tablespace.tar.zst "$STORE/$KEY"
  tar --extract --file tablespace.tar.zst --use-compress-program zstd -C "$OUT.tablespaces/$OID"
  rm tablespace.tar.zst
  ln -s "$OUT.tablespaces/$OID" "$OUT/pg_tblspc/$OID"
  echo "$OID $OUT.tablespaces/$OID" >> tablespace_map
done < tablespaces
[ ! -s tablespaces ] || cp tablespace_map "$OUT/tablespace_map"
KEY=$(jq -r '.objects[] | select(.role == "postgresql-manifest") | .key' manifest.text)
age -d -i "$IDENTITY" -o backup_manifest "$STORE/$KEY"
pg_verifybackup --no-parse-wal --quiet --ignore tablespace_map --manifest-path backup_manifest "$OUT"
`,
  wal: `SIZE=$(jq -r .postgresql.segmentSizeBytes manifest.text)
PREFIX=wal/$(jq -r '.system + "/" + .component + "/" + .postgresql.incarnation' manifest.text)
for INDEX in "$STORE/$PREFIX"/index/*; do
  head -n 1 "$INDEX" > index.text; tail -n +2 "$INDEX" > index.sig
  ssh-keygen -Y verify -f allowed -I "$(jq -r .writer.host index.text)" -n muster-wal -s index.sig < index.text
  SEGMENT=$(jq -r .segment index.text); KIND=$(jq -r .kind index.text)
  [ "$KIND" != partial ] || [ ! -e "$WAL/$SEGMENT.whole" ] || continue
  echo "$(jq -r .object.sha256 index.text)  $STORE/$(jq -r .object.key index.text)" | sha256sum --check --quiet -
  age -d -i "$IDENTITY" -o piece.zst "$STORE/$(jq -r .object.key index.text)"
  zstd -q -d -f -o piece piece.zst
  if [ "$KIND" = partial ]; then
    START=$(basename "$INDEX" | cut -d. -f2 | cut -d- -f1)
    [ -e "$WAL/$SEGMENT" ] || truncate -s "$SIZE" "$WAL/$SEGMENT"
    dd if=piece of="$WAL/$SEGMENT" bs=64K oflag=seek_bytes seek=$((0x$START % SIZE)) conv=notrunc status=none
  else
    cp piece "$WAL/$SEGMENT"
    [ "$KIND" != segment ] || : > "$WAL/$SEGMENT.whole"
  fi
done
rm -f "$WAL"/*.whole piece piece.zst
`,
  recover: `SETTING="recovery_target = 'immediate'"
[ -z "\${TARGET:-}" ] || SETTING="recovery_target_time = '$TARGET'"
cat >> "$OUT/postgresql.auto.conf" <<CONF
restore_command = 'cp "$WAL/%f" "%p"'
$SETTING
recovery_target_timeline = '$(jq -r .postgresql.timelineId manifest.text)'
recovery_target_action = 'promote'
CONF
touch "$OUT/recovery.signal"
pg_ctl -D "$OUT" -w -l server.log \\
  -o "-c archive_mode=off -c listen_addresses= -c port=5432 -c unix_socket_directories=$OUT" start
until LC_ALL=C pg_controldata -D "$OUT" | grep -q 'in production'; do
  pg_ctl -D "$OUT" status > server.status
  sleep 1
done
`,
} as const
