import Base
import Modules
import Secrets
import TestKit

@testable import Audit

/// What somebody who can write to the database may do to a trail, chosen at random.
struct Tampering {
    private var random: SplitMix

    init(seed: UInt64) { random = SplitMix(seed: seed) }

    /// Changes the trail in one way.
    /// - Returns: what was done, for the message of a test that fails.
    mutating func tamper(with trail: inout Trail) throws -> String {
        let before = trail
        var deed = ""
        // A change that changes nothing is none: another one is made.
        while trail == before { deed = try attempt(&trail) }
        return deed
    }

    private mutating func attempt(_ trail: inout Trail) throws -> String {
        let index = pick(trail.rows.indices)
        switch pick(0..<12) {
        case 0...4: return try edit(&trail.rows[index])
        case 5:
            let gone = trail.rows.remove(at: index)
            return "removed \(gone.place)"
        case 6:
            // The count is put back too. Behind the newest checkpoint that is what nobody can see; up to it everybody does.
            let heads = trail.checkpoints.last?.heads ?? []
            guard
                heads.contains(where: {
                    $0.shard == trail.rows[index].shard && trail.rows[index].sequence <= $0.sequence
                })
            else { return "" }
            let gone = trail.rows.remove(at: index)
            trail.shards[gone.shard, default: 1] -= 1
            return "removed \(gone.place) and counted anew"
        case 7:
            let other = pick(trail.rows.indices)
            let (first, second) = (trail.rows[index], trail.rows[other])
            trail.rows[index] = first.moved(to: second.place)
            trail.rows[other] = second.moved(to: first.place)
            return "exchanged \(first.place) and \(second.place)"
        case 8:
            let last = trail.shards[trail.rows[index].shard] ?? 0
            let copy = trail.rows[index].moved(
                to: AuditChainPosition(shard: trail.rows[index].shard, sequence: last + 1))
            trail.rows.append(copy)
            if pick(0..<2) == 0 { trail.shards[copy.shard] = last + 1 }
            return "copied \(trail.rows[index].place) to \(copy.place)"
        case 9: return cut(&trail)
        case 10: return try change(&trail.checkpoints[pick(trail.checkpoints.indices)])
        default: return changeEnds(&trail)
        }
    }

    private mutating func edit(_ row: inout AuditRow) throws -> String {
        let place = row.place
        switch pick(0..<18) {
        case 0: row = row.moved(to: AuditChainPosition(shard: row.shard + Int64(pick(1..<5)), sequence: row.sequence))
        case 1: row = row.moved(to: AuditChainPosition(shard: row.shard, sequence: row.sequence + Int64(pick(1..<5))))
        case 2: row = row.with(id: altered(row.id))
        case 3: row = row.with(at: row.at + .microseconds(Int64(pick(-1_000_000..<1_000_000))))
        case 4: row = row.with(action: altered(row.action))
        case 5: row = row.with(outcome: pick(AuditEvent.Outcome.allCases).rawValue)
        case 6: row = row.with(organisation: row.organisation.map { altered($0) } ?? "organisation")
        case 7: row = row.with(subjectKind: altered(row.subjectKind))
        case 8...12:
            let field = pick(PersonalField.allCases)
            row.personal[field] = row.personal[field].map { pick(0..<4) == 0 ? nil : altered($0) } ?? "somebody"
        case 13: row.salt = row.salt.isEmpty ? "00" : pick(0..<4) == 0 ? "" : altered(row.salt)
        case 14: row.hash = altered(row.hash)
        case 15: row.seal = altered(row.seal)
        case 16:
            // Somebody who hides an edit as an erasure: the commitments stay right, and only the erasure is a lie.
            _ = try row.erase(
                [.details: .some("{}"), .subject: .some("erased-1")],
                by: pick(0..<2) == 0 ? "0198a000-0000-7000-8000-0000000000ff" : row.id)
        default: row.erasure = row.erasure.map { pick(0..<4) == 0 ? nil : altered($0) } ?? #"{"fields":{},"salts":{}}"#
        }
        return "edited \(place)"
    }

    /// Cuts the end of a shard off, below its newest checkpoint, so that everything else fits.
    private mutating func cut(_ trail: inout Trail) -> String {
        guard let head = trail.checkpoints.last?.heads.randomElement(using: &random) else { return "" }
        let kept = Int64(pick(0..<Int(head.sequence)))
        trail.rows.removeAll { $0.shard == head.shard && $0.sequence > kept }
        trail.shards[head.shard] = kept
        return "cut shard \(head.shard) behind \(kept)"
    }

    private mutating func change(_ checkpoint: inout AuditCheckpoint) throws -> String {
        let number = checkpoint.number
        // Written by somebody who has another key, or none.
        let key = AuditSigningKey(id: Trail.signing.id, key: .init())
        var heads = checkpoint.heads
        let index = pick(heads.indices)
        heads[index] = AuditCheckpoint.Head(
            shard: heads[index].shard, sequence: heads[index].sequence, hash: altered(heads[index].hash))
        checkpoint = try AuditCheckpoint(
            number: number, at: checkpoint.at, heads: heads, previous: checkpoint.previous, signedWith: key)
        return "signed checkpoint \(number) anew"
    }

    private mutating func changeEnds(_ trail: inout Trail) -> String {
        switch pick(0..<6) {
        case 0:
            let gone = trail.checkpoints.remove(at: pick(trail.checkpoints.indices))
            return "removed checkpoint \(gone.number)"
        case 1:
            trail.checkpoints.swapAt(0, 1)
            return "exchanged the checkpoints"
        case 2:
            trail.checkpointCount += Int64(pick([-1, 1]))
            return "counted checkpoints anew"
        case 3:
            let shard = pick(Array(trail.shards.keys).sorted())
            trail.shards[shard, default: 0] += Int64(pick([-1, 1, 7]))
            return "counted shard \(shard) anew"
        case 4:
            let shard = pick(Array(trail.shards.keys).sorted())
            trail.shards[shard] = nil
            return "lost shard \(shard)"
        default:
            trail.checkpoints.append(trail.checkpoints[0])
            return "copied checkpoint 1"
        }
    }

    /// The same text with one character changed, added or left out.
    private mutating func altered(_ text: String) -> String {
        var characters = Array(text)
        switch characters.isEmpty ? 1 : pick(0..<3) {
        case 0:
            let index = pick(characters.indices)
            characters[index] = characters[index] == "0" ? "1" : "0"
        case 1: characters.insert("7", at: pick(0..<(characters.count + 1)))
        default: characters.remove(at: pick(characters.indices))
        }
        return String(characters)
    }

    private mutating func pick<Choices: Collection>(_ choices: Choices) -> Choices.Element {
        guard let choice = choices.randomElement(using: &random) else {
            preconditionFailure("there is nothing to choose from")
        }
        return choice
    }
}

extension AuditRow {
    /// The same row with another value in one column.
    func with(
        shard: Int64? = nil, sequence: Int64? = nil, id: String? = nil, at: Instant? = nil, action: String? = nil,
        outcome: String? = nil,
        organisation: String? = nil, subjectKind: String? = nil
    ) -> AuditRow {
        AuditRow(
            shard: shard ?? self.shard, sequence: sequence ?? self.sequence, id: id ?? self.id, at: at ?? self.at,
            action: action ?? self.action,
            outcome: outcome ?? self.outcome, organisation: organisation ?? self.organisation,
            subjectKind: subjectKind ?? self.subjectKind,
            personal: personal, salt: salt, erasure: erasure, hash: hash, seal: seal
        )
    }

    func moved(to place: AuditChainPosition) -> AuditRow { with(shard: place.shard, sequence: place.sequence) }
}
