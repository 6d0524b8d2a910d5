import Base
import TestKit
import Testing

/// The endpoints that clients of the assistant send requests to, under both of their prefixes.
@Suite struct AssistantEndpointTests {
    private static let endpoints = """
        POST auth/register, POST auth/login, POST auth/refresh, POST auth/logout, POST auth/change-password,
        GET auth/me, PUT auth/me, POST auth/verify-token, GET auth/users, DELETE auth/users/x,
        POST chat/completions, GET chat/completions/x/status, DELETE chat/completions/x,
        GET models, GET models/x, GET models/capabilities,
        POST projects, GET projects, GET projects/x, PATCH projects/x, DELETE projects/x,
        POST sessions, GET sessions, GET sessions/stats, GET sessions/x, PATCH sessions/x, DELETE sessions/x,
        POST sessions/x/stop, GET sessions/x/stats, POST sessions/x/clear, POST sessions/x/archive,
        GET sessions/x/messages, GET sessions/x/tools, POST sessions/x/tools,
        GET user/profile, PUT user/profile, DELETE user/profile, POST user/profile/reset-api-key,
        GET mcp/servers, POST mcp/servers/x/start, POST mcp/servers/x/stop, POST mcp/servers/x/restart,
        GET mcp/tools, POST mcp/tools/call, GET mcp/config, POST mcp/config/servers, DELETE mcp/config/servers/x,
        GET analytics/usage, GET analytics/tokens, GET analytics/tools, GET analytics/sessions/x,
        GET analytics/timeseries,
        GET files/list, GET files/read, POST files/write, POST files/upload, GET files/download,
        DELETE files/delete, POST files/mkdir, POST files/move,
        GET environment, GET environment/summary, GET environment/claude-format,
        GET debug/info, GET debug/health/detailed, GET debug/metrics, GET debug/logs, GET debug/config,
        POST debug/cache/clear, GET debug/environment, POST debug/test/error,
        GET monitoring/health, GET monitoring/metrics, GET monitoring/status, GET monitoring/dashboard,
        GET monitoring/test-metrics, GET monitoring/alerts, GET ws
        """.split { $0 == "," || $0.isNewline }

    @Test func `every endpoint of the assistant's clients exists under both prefixes`() async throws {
        try await withTestApp(.sqlite) { app in
            var count = 0
            for endpoint in Self.endpoints {
                let parts = endpoint.split(separator: " ")
                guard parts.count == 2 else { continue }
                count += 1
                for prefix in ["/v1", "/api", "/api/v1"] {
                    let answer = await app.call(String(parts[0]), "\(prefix)/\(parts[1])")
                    // 401 without a credential; public ones refuse the empty body.
                    #expect([400, 401, 415, 422].contains(answer.status), "\(endpoint) below \(prefix): \(answer)")
                }
            }
            #expect(count == 78)
            // At the root alone, as is /metrics.
            #expect(await app.call("GET", "/health").status == 200)
            #expect(await app.call("GET", "/metrics").status == 200)
            #expect(await app.call("POST", "/v1/messages", json: [:]).status == 401)
        }
    }
}
