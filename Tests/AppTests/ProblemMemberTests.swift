import App
import Base
import Foundation
import Modules
import TestKit
import Testing

/// The members that every problem response has (RFC 9457): no problem replaces one of them.
@Suite struct ProblemMemberTests {
    @Test func `every declared problem has its own members, and further ones beside them`() async throws {
        try await withTestApp(.sqlite) { app in
            let kinds = Set(app.app.routes.flatMap(\.problems))
            #expect(kinds.count > 100)
            for kind in kinds {
                let problem = Problem(kind, detail: "A sentence.", members: ["state": "open"])
                let response = await TestResponse(problem.response(requestID: "request-one"))
                #expect(
                    response.json == [
                        "type": .string("/problems/\(kind.code)"), "title": .string(kind.title),
                        "status": .integer(Int64(kind.status)), "detail": "A sentence.", "code": .string(kind.code),
                        "error": .string(kind.title), "request_id": "request-one", "state": "open",
                    ], "\(kind.code)")
                #expect(response.status == kind.status)
                let own = Set(response.json.object?.keys.map { $0 } ?? []).subtracting(["state"])
                #expect(own.union(["instance"]) == Problem.ownMembers)
            }
        }
    }

    @Test func `no problem of the sources names one of them`() throws {
        let root = Repository.url("Sources")
        let files = FileManager.default.enumerator(atPath: root.path)?.compactMap { $0 as? String } ?? []
        var found = 0
        for file in files where file.hasSuffix(".swift") && !file.contains("TestStripe/") {
            let text = try String(contentsOf: root.appending(path: file), encoding: .utf8)
            for rest in text.components(separatedBy: "members: [").dropFirst() {
                // Other types have members too, such as schemes of credentials.
                guard !rest.hasPrefix("String:"), !file.hasSuffix("SecurityScheme.swift"), !file.hasPrefix("Apps/")
                else { continue }
                let names = Self.names(ofDictionary: rest)
                found += names.count
                #expect(Problem.ownMembers.isDisjoint(with: names), "\(file): \(names)")
            }
        }
        #expect(found > 30)
    }

    /// The texts before a colon at the outermost level of a dictionary literal, whose first bracket has been read.
    private static func names(ofDictionary text: String) -> Set<String> {
        var names: Set<String> = []
        var (depth, isInText, last) = (1, false, "")
        for character in text {
            guard depth > 0 else { break }
            switch character {
            case "\"":
                isInText.toggle()
                if isInText { last = "" }
            case _ where isInText: last.append(character)
            case "[", "(", "{": depth += 1
            case "]", ")", "}": depth -= 1
            case ":" where depth == 1: names.insert(last)
            default: break
            }
        }
        return names
    }
}
