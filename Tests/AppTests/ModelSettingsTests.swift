import Foundation
import GoalGraphs
import Models
import TestKit
import Testing
import Workflows

@testable import App

@Suite struct ModelSettingsTests {
    private func settings(_ values: [String: String]) throws -> ModelSettings? {
        try Configuration(environment: values).modelSettings
    }

    @Test func `a model is used where there is a key or a server, Anthropic's first`() throws {
        #expect(try settings([:]) == nil)
        #expect(try settings(["ANTHROPIC_MODEL": "m", "OPENAI_MODEL": "m"]) == nil)
        let anthropic = try settings(["ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k", "OPENAI_MODEL": "m"])
        #expect(anthropic?.upstream.api == .anthropic && anthropic?.model == "claude-sonnet-5")
        #expect(anthropic?.upstream.baseURL == "https://api.anthropic.com")
        let other = try settings([
            "ANTHROPIC_API_KEY": "k", "ANTHROPIC_BASE_URL": "http://127.0.0.1:9/anthropic/", "ANTHROPIC_MODEL": "m",
        ])
        #expect(other?.upstream.baseURL == "http://127.0.0.1:9/anthropic" && other?.model == "m")
        let openAI = try settings(["OPENAI_API_KEY": "k", "OPENAI_MODEL": "m"])
        #expect(openAI?.upstream.api == .openAI && openAI?.upstream.baseURL == "https://api.openai.com/v1")
        #expect(openAI?.upstream.key != nil)
        let local = try settings(["OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_MODEL": "m"])
        #expect(local?.upstream.baseURL == "http://127.0.0.1:9/v1" && local?.upstream.key == nil)
    }

    @Test func `workflows have a second model, of the same API or of the other one`() throws {
        func models(_ values: [String: String]) throws -> [String] {
            try Configuration(environment: values).workflowModels.map { "\($0.upstream.api) \($0.model)" }
        }
        let anthropic = ["ANTHROPIC_API_KEY": "k", "MODEL_FALLBACK": "b"]
        #expect(try models([:]) == [] && models(["ANTHROPIC_API_KEY": "k"]) == ["anthropic claude-sonnet-5"])
        #expect(try models(anthropic) == ["anthropic claude-sonnet-5", "anthropic b"])
        let openAI = ["OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_MODEL": "m"]
        #expect(try models(openAI.merging(["MODEL_FALLBACK": "b"]) { $1 }) == ["openAI m", "openAI b"])
        let both = anthropic.merging(openAI) { $1 }.merging(["MODEL_FALLBACK_API": "openai"]) { $1 }
        #expect(try models(both) == ["anthropic claude-sonnet-5", "openAI b"])
        let prices = try Configuration(environment: ["MODEL_PRICES": "a=2.5, b=c=0"]).workflowModelPrices
        #expect(prices.mapValues(\.perMillionTokens.micros) == ["a": 2_500_000, "b=c": 0])
    }

    @Test(arguments: [
        (["MODEL_FALLBACK": "b"], "MODEL_FALLBACK"),
        (["ANTHROPIC_API_KEY": "k", "MODEL_FALLBACK": "claude-sonnet-5"], "MODEL_FALLBACK"),
        (["ANTHROPIC_API_KEY": "k", "MODEL_FALLBACK": "b", "MODEL_FALLBACK_API": "openai"], "MODEL_FALLBACK_API"),
        (["MODEL_PRICES": "a"], "MODEL_PRICES"), (["MODEL_PRICES": "a=-1"], "MODEL_PRICES"),
        (["MODEL_PRICES": "a=1,=2"], "MODEL_PRICES"), (["MODEL_PRICES": "a=0.0000001"], "MODEL_PRICES"),
        (["ANTHROPIC_API_KEY": "a b"], "ANTHROPIC_API_KEY"),
        (["ASSISTANT_UPSTREAMS_FILE": "/none/upstreams.json"], "ASSISTANT_UPSTREAMS_FILE"),
        (["SUMMARY_MODEL": "a"], "SUMMARY_MODEL"),
        (["ANTHROPIC_API_KEY": "k", "SUMMARY_MODEL": "a"], "SUMMARY_MODEL"),
        (["ANTHROPIC_BASE_URL": "anthropic"], "ANTHROPIC_BASE_URL"),
        (["OPENAI_API_KEY": "k"], "OPENAI_MODEL"), (["OPENAI_BASE_URL": "https://a.example/v1"], "OPENAI_MODEL"),
        (["OPENAI_API_KEY": "ké", "OPENAI_MODEL": "m"], "OPENAI_API_KEY"),
        (["OPENAI_BASE_URL": "https://a.example/?b", "OPENAI_MODEL": "m"], "OPENAI_BASE_URL"),
        (["OUTBOUND_PRIVATE_NETWORKS": "10.0.0.0/8,office"], "OUTBOUND_PRIVATE_NETWORKS"),
        (["OUTBOUND_PRIVATE_NETWORKS": "false"], "OUTBOUND_PRIVATE_NETWORKS"),
    ])
    func `a setting that cannot be used is named`(values: [String: String], name: String) {
        let faults = #expect(throws: ConfigurationFaults.self) { try Configuration(environment: values) }?.faults ?? []
        #expect(faults.count == 1 && faults[0].hasPrefix("\(name): "), "\(faults)")
    }

    @Test(arguments: [
        "{", #"{"upstreams": []}"#, #"{"upstreams": [{"api": "other", "models": ["m"]}]}"#,
        #"{"upstreams": [{"api": "openai"}]}"#, #"{"upstreams": [{"api": "openai", "models": ["m"], "weight": 0}]}"#,
        #"{"upstreams": [{"api": "openai", "models": ["m"], "url": "a"}]}"#,
        #"{"upstreams": [{"api": "openai", "models": ["m"], "key": "a b"}]}"#,
    ])
    func `a file of services that cannot be used is named at the start`(text: String) async throws {
        try await withTextFile(text, "json") { path in
            let values = ["ASSISTANT_UPSTREAMS_FILE": path]
            let faults = #expect(throws: ConfigurationFaults.self) { try Configuration(environment: values) }?.faults
            #expect(faults?.count == 1 && faults?.first?.hasPrefix("ASSISTANT_UPSTREAMS_FILE: ") == true)
        }
    }

    @Test func `a file of services is read once`() async throws {
        let text = #"{"upstreams": [{"api": "openai", "models": ["m"]}]}"#
        try await withTextFile(text, "json") { path in
            let configuration = try Configuration(
                environment: ["ASSISTANT_UPSTREAMS_FILE": path, "SUMMARY_MODEL": "m"])
            try FileManager.default.removeItem(atPath: path)
            _ = try configuration.assistantSettings
        }
    }

    @Test func `private networks are for other installations than production`() throws {
        let values = ["OUTBOUND_PRIVATE_NETWORKS": "10.0.0.0/8, ::1"]
        #expect(try Configuration(environment: values).outboundPrivateNetworks == ["10.0.0.0/8", "::1"])
        #expect(
            try Configuration(environment: ["OUTBOUND_PRIVATE_NETWORKS": "true"]).outboundPrivateNetworks == ["true"])
        let production = values.merging([
            "ENVIRONMENT": "production", "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz",
            "BASE_URL": "https://api.example",
        ]) { $1 }
        let faults = #expect(throws: ConfigurationFaults.self) { try Configuration(environment: production) }?.faults
        #expect(faults == ["OUTBOUND_PRIVATE_NETWORKS: is not accepted in production"])
    }
}
