import Base
import GoalGraphs
import Models
import Modules
import Testing

@testable import Workflows

/// The decisions that need neither clock nor database.
@Suite struct RuleTests {
    @Test func `recovery follows from the kind of the failure and the number of tries`() {
        func recovery(_ kind: StepFailure.Kind, _ attempt: Int64) -> Recovery {
            RecoveryPolicy.recovery(from: kind, attempt: attempt)
        }
        #expect(recovery(.transient, 1) == .retry(after: .seconds(1)))
        #expect(recovery(.transient, 2) == .retry(after: .seconds(2)))
        #expect(recovery(.modelError, 1) == .swapAgent && recovery(.toolError, 2) == .swapAgent)
        #expect(RecoveryPolicy.recovery(from: .modelError, attempt: 2, otherModel: "b") == .swapModel(to: "b"))
        #expect(RecoveryPolicy.recovery(from: .modelError, attempt: 3, otherModel: "b") == .escalate)
        func wait(_ retryAfter: Duration) -> Recovery {
            RecoveryPolicy.recovery(from: .transient, retryAfter: retryAfter, attempt: 2)
        }
        #expect(wait(.seconds(90)) == .retry(after: .seconds(90)) && wait(.zero) == .retry(after: .seconds(2)))
        #expect(wait(.hours(5)) == .retry(after: .minutes(10)))
        for kind in StepFailure.Kind.allCases { #expect(recovery(kind, 3) == .escalate) }
        for kind: StepFailure.Kind in [.resourceExhaustion, .policyViolation, .timeout, .unknown] {
            #expect(recovery(kind, 1) == .escalate)
        }
        #expect(
            (1...10).map { RecoveryPolicy.wait(after: $0).components.seconds } == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60])
    }

    @Test func `the confidence of a step is the mean of decision and calls, less after a failed call`() {
        #expect(Confidence.ofStep(decision: 0.85, calls: 1, failures: 0) == 0.925)
        #expect(abs(Confidence.ofStep(decision: 0.9, calls: 2, failures: 1) - 0.56) < 1e-12)
        #expect(Confidence.ofStep(decision: 7, calls: 0, failures: 0) == 0.5)
    }

    @Test func `answers are similar by their words and their order, in every script`() {
        func similarity(_ left: String, _ right: String) -> Double {
            let similarity = TextSimilarity.of(left, right)
            #expect(similarity == TextSimilarity.of(right, left) && (0...1).contains(similarity))
            return similarity
        }
        #expect(similarity("It is 42.", "it is 42") == 1 && similarity("", "…") == 1)
        #expect(similarity("東京は日本の首都です。", "東京は日本の首都です") == 1)
        #expect(similarity("Yes", "No") == 0 && similarity("", "No") == 0)
        #expect(similarity("It is safe.", "It is not safe.") < Verification.threshold)
        #expect(similarity("dog bites man", "man bites dog") < Verification.threshold)
        #expect(similarity("東京は日本の首都です", "大阪は日本の首都ではありません") < Verification.threshold)
        #expect(
            similarity("The three regions sold 42 units in June", "The three regions sold 42 units in June 2026")
                > Verification.threshold)
    }

    @Test func `a verification takes the higher confidence, or half of it`() {
        #expect(Verification(of: ["a b", "A b."], asked: 2).confidence(of: [0.6, 0.8]) == 0.8)
        #expect(Verification(of: ["a b", "c d"], asked: 2).confidence(of: [0.6, 0.8]) == 0.4)
        #expect(Verification(of: ["a"], asked: 2) == .incomplete && Verification(of: ["a"], asked: 1) == .unavailable)
        #expect(Verification(of: ["a"], asked: 2).isRefuted && !Verification(of: ["a"], asked: 1).isRefuted)
    }

    @Test func `the cost of a call is that of its tokens, rounded up`() {
        let usage = ModelUsage(input: 1_000, output: 1)
        for (name, micros) in [
            ("gpt-4o", 30_030), ("gpt-3.5-turbo", 2_002), ("claude-opus-5", 15_015), ("claude-sonnet-5", 3_003),
            ("anthropic/Claude-Haiku", 251),
        ] { #expect(ModelPrice.known(of: name)?.cost(of: usage) == MicroDollars(Int64(micros)), "\(name)") }
        #expect(ModelPrice.known(of: "llama") == nil)
        let dear = ModelPrice(perMillionTokens: MicroDollars(10_000_000_000))
        #expect(dear.cost(of: ModelUsage(input: .max, output: .max)) == MicroDollars(10_000_000_000_000))
        #expect(dear.cost(of: ModelUsage(input: -5, output: -5)) == .zero)
    }

    @Test func `a plan of a model sends to addresses and hosts that the intent names`() {
        func faults(_ intent: String, to host: String) -> Int {
            let node = GoalNode(
                id: "a", description: "a", capabilities: [.web], tool: "http_request",
                arguments: ["url": .string("https://\(host)/x"), "method": "POST"], estimatedCost: .zero,
                estimatedSeconds: 1)
            return ModelPlanPolicy(intent: intent).faults(in: GoalGraph(nodes: [node])).count
        }
        for intent in ["Post it to A.example.", "a.example", "https://a.example/x?b", "to a.example:443, please"] {
            #expect(faults(intent, to: "a.example") == 0, "\(intent)")
        }
        for intent in ["", "a.example.org", "b.a.example", "mail bob@a.example", "xa.example", "a.example-b"] {
            #expect(faults(intent, to: "a.example") == 1, "\(intent)")
        }
    }

    @Test func `a path stays within the folder`() {
        for text in ["a.txt", "./a.txt", "out/ä b.csv", "a/b/c/d"] { #expect((try? WorkflowPath(text)) != nil) }
        for text in [
            "", "/etc/passwd", "../a", "a/../b", "a//b", ".hidden", "a/.b", "a\0b", "a\nb", "a\\b", "a/b/c/d/e", "a/",
            String(repeating: "x", count: 201), "a\u{202E}b",
        ] { #expect((try? WorkflowPath(text)) == nil, "\(text)") }
    }

    @Test func `a table is read and written as RFC 4180 says`() throws {
        let table = try Table(csv: "\u{FEFF}name,note\r\n\"A, B\",\"say \"\"hi\"\"\"\r\n\r\nc,\n")
        #expect(table.columns == ["name", "note"])
        #expect(table.rows == [["A, B", "say \"hi\""], ["c", ""]])
        let text = try TableWriter.csv(table)
        #expect(text == "name,note\n\"A, B\",\"say \"\"hi\"\"\"\nc,\n")
        for text in ["", "a,a\n1,2\n", "a,b\n1\n", "a\n\"1\n"] { #expect((try? Table(csv: text)) == nil, "\(text)") }
        for text in ["", "{}", "[1]", "nonsense"] { #expect((try? Table(json: text)) == nil, "\(text)") }
        let json = try Table(json: "[{\"b\":1,\"a\":null},{\"a\":\"x\"}]")
        let converted = try TableWriter.csv(json)
        #expect(json.columns == ["a", "b"] && converted == "a,b\n,1\nx,\n")
    }

    @Test func `operations on a table`() throws {
        let table = try Table(csv: "city,amount\nBerlin,10\nParis,9.5\nBerlin,\nRome,100\n")
        func csv(_ operation: TableOperation) throws -> String { try TableWriter.csv(table.applying(operation)) }
        #expect(try csv(.filter([RowCondition("amount", .atLeast, "10")])) == "city,amount\nBerlin,10\nRome,100\n")
        #expect(try csv(.filter([RowCondition("CITY", .startsWith, "b")])) == "city,amount\nBerlin,10\nBerlin,\n")
        #expect(try csv(.select(["amount"])) == "amount\n10\n9.5\n\n100\n")
        #expect(
            try csv(.sort(by: "amount", descending: false)) == "city,amount\nParis,9.5\nBerlin,10\nRome,100\nBerlin,\n")
        #expect(try csv(.sort(by: "city", descending: true)).hasPrefix("city,amount\nRome,100\nParis,9.5\n"))
        #expect(try csv(.limit(1)) == "city,amount\nBerlin,10\n")
        #expect(try csv(.aggregate(.average, of: "amount", by: nil)) == "average_amount\n39.833333\n")
        #expect(try csv(.aggregate(.count, of: nil, by: "city")) == "city,count\nBerlin,2\nParis,1\nRome,1\n")
        #expect(try csv(.values(["city"])) == "city\nBerlin\nParis\nRome\n")
        #expect(try csv(.rename("city", to: "town")).hasPrefix("town,amount\n"))
        #expect(try csv(.drop(["amount"])) == "city\nBerlin\nParis\nBerlin\nRome\n")
        #expect(
            try csv(.summarise)
                == "column,values,distinct,sum,average,minimum,maximum\ncity,4,3,,,,\n"
                + "amount,3,3,119.5,39.833333,9.5,100\n"
        )
        for operation: TableOperation in [
            .select(["missing"]), .aggregate(.sum, of: "city", by: nil), .rename("city", to: "amount"),
        ] { #expect(throws: StepFailure.self) { try table.applying(operation) } }
    }

    @Test func `numbers and texts are compared`() {
        #expect(CompareExecutor.comparison("10.0", "10") == "equal")
        #expect(CompareExecutor.comparison("0.1", "0.3") == "different: 0.1 is less than 0.3, by 0.2")
        #expect(CompareExecutor.comparison("a\nb\n", "a\r\nb\r\n") == "equal")
        #expect(CompareExecutor.comparison("a\nb", "a\nc") == "different\n- 2: b\n+ 2: c")
    }
}
