import Modules

/// A workflow of the proof, the same one for the same number: what is submitted, and what is to come of it.
struct ProofWorkflow: Sendable {
    /// Its plan.
    enum Kind: Sendable, CaseIterable {
        /// Five steps of a client's graph, three of which may run at once.
        case parallel
        /// The same, with a workflow within.
        case nested
        /// A sentence that the rules plan.
        case sentence
        /// Its budget does not allow the third step.
        case overBudget
        /// A sentence that no planner understands.
        case unclear
    }

    let number: Int
    /// The URL to which it sends a request.
    let receiver: String

    /// The subject of its e-mail and the body of its request.
    var name: String { "W\(number)" }

    var kind: Kind {
        switch number % 10 {
        case 0..<5: .parallel
        case 5, 6: .nested
        case 7: .sentence
        case 8: .overBudget
        default: .unclear
        }
    }

    // MARK: What is to come of it

    /// Nil for one that completes.
    var errorCode: String? {
        switch kind {
        case .parallel, .nested, .sentence: nil
        case .overBudget: "budget-exceeded"
        case .unclear: "intent-not-understood"
        }
    }

    /// The paths of the files of its folder, in their order.
    var files: [String] {
        switch kind {
        case .parallel: ["in.csv", "out.json"]
        case .nested: ["in.csv", "out.csv"]
        case .sentence: ["report.json", "sales.csv"]
        case .overBudget: ["a.txt", "b.txt"]
        case .unclear: []
        }
    }

    var emails: Int { errorCode == nil ? 1 : 0 }
    var sendsRequest: Bool { kind == .parallel || kind == .nested }

    // MARK: Submission

    /// The body of `POST /v1/intents`.
    var intent: JSONValue {
        switch kind {
        case .parallel:
            submission([
                write("data", "in.csv", .string(table)),
                node(
                    "json", "csv_transform", ["input": .string(table), "operation": "convert"]),
                request("post"), write("out", "out.json", output("json"), after: ["data", "json"]),
                email(after: ["out", "post"]),
            ])
        case .nested:
            submission([
                write("data", "in.csv", .string(table)),
                node("inner", "sub_workflow", ["intent": "count the rows of in.csv"], after: ["data"]),
                request("post", after: ["data"]), write("out", "out.csv", output("inner"), after: ["inner"]),
                email(after: ["out", "post"]),
            ])
        case .sentence:
            [
                "intent": .string(
                    "Read sales.csv, keep the rows where amount is at least 100, sum amount by region, then save it as "
                        + "report.json and e-mail it to me with the subject \"\(name)\""),
                "context": ["files": ["sales.csv": .string("region,amount\nnorth,\(100 + number)\nsouth,5\n")]],
            ]
        case .overBudget:
            submission(
                [
                    write("a", "a.txt", "1", micros: 0), write("b", "b.txt", "2", after: ["a"], micros: 0),
                    write("c", "c.txt", "3", after: ["b"], micros: 50),
                    write("d", "d.txt", "4", after: ["c"], micros: 0),
                    write("e", "e.txt", "5", after: ["d"], micros: 0),
                ], ["budget": 0.0002])
        case .unclear: ["intent": .string("and and and \(number)")]
        }
    }

    /// Five steps, one after the other, without effects outside of the database.
    static func chain(_ number: Int) -> JSONValue {
        let workflow = ProofWorkflow(number: number, receiver: "")
        return workflow.submission(
            (0..<5).map { step in
                workflow.write("n\(step)", "\(step).txt", "x", after: step == 0 ? [] : ["n\(step - 1)"])
            })
    }

    private var table: String { "region,amount\nnorth,\(number)\nsouth,5\n" }

    private func submission(_ nodes: [JSONValue], _ more: [String: JSONValue] = [:]) -> JSONValue {
        .object(
            ["intent": .string("Workflow \(number)"), "goal_graph": ["nodes": .array(nodes)]].merging(more) { $1 })
    }

    private func node(
        _ id: String, _ tool: String, _ arguments: [String: JSONValue], after: [String] = [], micros: Int64? = nil
    ) -> JSONValue {
        var members: [String: JSONValue] = [
            "id": .string(id), "description": "A step of the proof", "tool": .string(tool),
            "arguments": .object(arguments), "dependencies": .array(after.map { .string($0) }),
        ]
        members["estimated_cost_micros"] = micros.map { .integer($0) }
        return .object(members)
    }

    private func write(
        _ id: String, _ path: String, _ text: JSONValue, after: [String] = [], micros: Int64? = nil
    ) -> JSONValue {
        node(id, "write_file", ["path": .string(path), "text": text], after: after, micros: micros)
    }

    private func request(_ id: String, after: [String] = []) -> JSONValue {
        node(
            id, "http_request", ["url": .string(receiver), "method": "POST", "body": .string(name)], after: after)
    }

    private func email(after: [String]) -> JSONValue {
        node("mail", "send_email", ["to": ["me"], "subject": .string(name), "text": "Done."], after: after)
    }

    private func output(_ node: String) -> JSONValue { ["$output": .string(node)] }
}
