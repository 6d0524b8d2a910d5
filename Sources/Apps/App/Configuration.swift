import AWS
import Configuration
import Foundation
package import Identity
package import Mail
import MessagingRedis
package import Models
package import Modules
import Outbound
import Realtime
import Secrets
import SpotDecisions
import Stripe
import SystemPackage
package import TLS

/// The settings of an installation, read from a command's flags, the environment and a file `.env`, in this order of
/// precedence.
///
/// ``init(reading:)`` declares each setting on one line: its name, default, bounds and meaning.
package struct Configuration: Sendable {
    package enum Environment: String, Sendable, CaseIterable { case development, test, production }
    package enum DecisionMode: String, Sendable, CaseIterable {
        case test = "TEST"
        case production = "PROD"
    }

    package var environment: Environment
    package var host: String
    package var port: Int
    /// Of TLS; nil serves without it. The settings and their faults name files; ``App/serve(stopOnSignals:onRunning:)``
    /// reads them.
    package var certificateFiles: CertificateFiles?
    package var dataFolder: String
    package var databaseURL: String
    package var poolSize: Int
    package var poolOverflow: Int
    package var poolTimeout: Duration
    /// Nil for never.
    package var poolRecycle: Duration?
    package var statementTimeout: Duration
    /// Empty where it is generated.
    package var secretKey: String
    /// Empty for `secretKey`.
    package var encryptionKey: String
    package var jwtAlgorithm: SigningAlgorithm
    /// Empty where it is generated or not used.
    package var jwtSecret: String
    /// 0 disables rotation.
    package var keyRotationDays: Int
    package var accessTokenLifetime: Duration
    package var bcryptRounds: Int
    package var passwordMinimumLength: Int
    package var registrationReveals: Bool
    package var lockout: Lockout
    /// In steps of 30 seconds.
    package var authenticatorWindow: Int
    package var trustedProxies: [String]
    /// Open connections.
    package var connectionsPerNetwork: Int
    /// Open subscriptions of topics.
    package var subscriptionsPerCaller: Int
    package var corsOrigins: [String]
    package var baseURL: String
    /// Empty for `baseURL`; without a slash at its end.
    package var frontendURL: String
    /// Nil where there is no mail server: e-mails are written to the data folder, and in production not sent.
    package var smtpHost: String?
    package var smtpPort: Int
    package var smtpUser: String?
    package var smtpPassword: String?
    package var smtpSecurity: SMTPServer.Security
    package var smtpCAFile: String?
    package var fromEmail: String?
    package var fromName: String
    package var plansFile: String?
    /// Empty where rates are counted in this process alone.
    package var redisURL: String
    package var redisCertificateAuthority: String?
    package var limitsRates: Bool
    /// Requests a minute.
    package var anonymousRequests: Int
    /// Requests in `authenticationWindow`.
    package var authenticationRequests: Int
    package var authenticationWindow: Duration
    package var metricsToken: String?
    package var nodeName: String?
    package var logLevel: Logger.Level
    package var logFormat: LineLogHandler.Format
    /// Of the collector of traces; nil where nothing is traced.
    package var tracesEndpoint: String?
    /// `name=value` separated by commas; values are percent-encoded.
    package var tracesHeaders: String?
    package var tracesServiceName: String
    /// A share, 0 to 1.
    package var tracesSampledShare: Double
    /// 0 runs no jobs in this process.
    package var jobSlots: Int
    package var jobLease: Duration
    /// Empty for the hosts of AWS in production, and for none elsewhere.
    package var awsEndpointURL: String
    /// Nil where there is no payment provider.
    package var stripeSecretKey: String?
    package var stripePublishableKey: String?
    package var stripeWebhookSecrets: [String]
    package var stripeAPIBase: String
    /// The ids of Stripe's prices of plans without prices in the file of plans, by the plan's id.
    package var stripePrices: [String: [String]]
    /// The platform's share of releases.
    package var stripePlatformCommission: Double
    package var invoiceSellerName: String
    /// The lines of the address.
    package var invoiceSellerAddress: [String]
    package var invoiceSellerTaxID: String?
    package var anthropicKey: String?
    package var anthropicBaseURL: String
    package var anthropicModel: String
    package var openAIKey: String?
    /// Nil for OpenAI's own.
    package var openAIBaseURL: String?
    package var openAIModel: String?
    /// Nil where there is one model at most.
    package var modelFallback: String?
    package var modelFallbackAPI: ModelUpstream.API
    /// In US dollars for a million tokens, by the names of models, as `name=price`.
    package var modelPrices: [String]
    /// Besides the one that products use.
    package var assistantModels: [String]
    /// The path of the file of the assistant's services, which replace the one that products use.
    package var assistantUpstreamsFile: String?
    /// Nil for no summaries.
    package var summaryModel: String?
    /// What the files of the assistant declare.
    let assistantFiles = AssistantFiles()
    package var sessionTimeout: Duration
    /// Of one file of a workspace.
    package var maxFileSize: Int
    package var analyticsRetentionDays: Int
    package var answerTokens: Int
    package var contextTokens: Int
    /// Of the tool servers of the installation; nil where there are none.
    package var toolServerFolder: String?
    /// The virtual payment address of the merchant.
    package var upiAddress: String?
    package var upiMerchantName: String?
    package var upiCallbackSecrets: [String]
    /// Entries of ``AddressPolicy``.
    package var outboundPrivateNetworks: [String]
    package var sandboxLogsRequireToken: Bool
    package var sandboxExpiryInterval: Duration
    package var sandboxCountInterval: Duration
    /// In UTC.
    package var experimentArchiveCron: String
    package var decisionEngineMode: DecisionMode
    /// Nil for the model that comes with the program.
    package var riskModelPath: String?
    /// Nil for the model in production.
    package var experimentalModelPath: String?
    /// A share, 0 to 1.
    package var crashProbabilityMax: Double
    /// A share, 0 to 1.
    package var interruptRateMax: Double
    /// Of one workflow, in cents of a US dollar.
    package var workflowBudgetCents: Int
    /// Of one call.
    package var workflowModelTimeout: Duration
    package var runsWorkflowCommands: Bool
    package var drainGrace: Duration
    package var shutdownTimeout: Duration
    /// Whether a database that this installation has used and that does not exist is created anew. A flag of the
    /// command, never a setting.
    package var allowsNewDatabase = false

    /// The part of ``shutdownTimeout`` that remains for handing back jobs and closing connections.
    static let shutdownReserve = Duration.seconds(2)

    /// Every setting with its value, in the order of their declaration.
    package let settings: [Setting]
    /// The text of every setting that is set, by name. The audit trail compares it from one start to the next.
    package var given: [String: String]
    /// Names of other services' templates that are set and mean nothing here.
    package private(set) var ignoredNames: [String] = []

    /// Declares and reads every setting.
    /// - Parameter logFormat: the default of `LOG_FORMAT`.
    private init(reading source: inout SettingReader, logFormat: LineLogHandler.Format) {
        environment = source.choice("ENVIRONMENT", .development, "the kind of installation")
        host = source.text("HOST", "127.0.0.1", "the address to listen on")
        port = source.integer("PORT", 8_080, 0...65_535, "the port to listen on, 0 for a free one")
        certificateFiles = source.certificateFiles(
            "TLS_CERT",
            "a PEM file of the server's certificate and those that lead to an authority: serves HTTPS; read again at "
                + "SIGHUP; without it a proxy encrypts",
            key: "TLS_KEY", "the PEM file of the key of TLS_CERT, without a passphrase; required with it")
        dataFolder = source.text("DATA_DIR", "./data", "the folder of secrets, files and the default database")
        databaseURL = ConfigurationAliases.databaseURL(
            source.url(
                "DATABASE_URL", default: "sqlite:\(dataFolder)/gatehouse.db",
                "sqlite:PATH or postgresql://…; SQLite in DATA_DIR by default"))
        poolSize = source.integer("DB_POOL_SIZE", 10, 1...200, "connections to PostgreSQL that stay open")
        poolOverflow = source.integer("DB_MAX_OVERFLOW", 5, 0...200, "additional connections while all are in use")
        poolTimeout = .seconds(source.integer("DB_POOL_TIMEOUT", 10, 1...120, "seconds to wait for a connection"))
        let recycle = source.integer(
            "DB_POOL_RECYCLE", -1, -1...2_592_000,
            "seconds after which a connection to PostgreSQL is replaced while it is not in use, -1 for never")
        poolRecycle = recycle < 0 ? nil : .seconds(recycle)
        statementTimeout = .seconds(
            source.integer("DB_STATEMENT_TIMEOUT", 15, 1...600, "seconds to wait for the result of a statement"))
        secretKey =
            source.secret(
                "SECRET_KEY",
                "the secret of the installation, 32 characters or more; generated in DATA_DIR except in production")
            ?? ""
        encryptionKey =
            source.secret(
                "ENCRYPTION_KEY",
                "the secret that stored values are encrypted with, or Fernet keys separated by commas, of which the "
                    + "first encrypts; SECRET_KEY by default")
            ?? ""
        jwtAlgorithm = source.choice(
            "JWT_ALGORITHM", .rs256,
            "the signature algorithm of access tokens; a change creates a new key, and valid tokens stay valid")
        jwtSecret =
            source.secret(
                "JWT_SECRET",
                "the key of HS256, 32 characters or more; generated in DATA_DIR except in production")
            ?? ""
        keyRotationDays = source.integer(
            "KEY_ROTATION_DAYS", 90, 0...3_650, "days after which a new key signs access tokens, 0 for never")
        accessTokenLifetime = .minutes(
            Int64(source.integer("ACCESS_TOKEN_EXPIRE_MINUTES", 15, 1...1_440, "minutes that an access token is valid"))
        )
        bcryptRounds = source.integer(
            "BCRYPT_ROUNDS", 12, 4...15, "the cost of a password hash, at least 10 in production")
        passwordMinimumLength = source.integer("PASSWORD_MIN_LENGTH", 8, 8...64, "characters of a password")
        registrationReveals = source.boolean(
            "REGISTRATION_REVEALS", true,
            "whether a registration answers with tokens, or with 409 for a known address; false answers 202 for every "
                + "address and requires a verified one to sign in")
        lockout = source.choice(
            "LOCKOUT", .adaptive,
            "what failed sign-ins cause: a delay for unknown devices only, or a lock of 30 minutes after five of them")
        authenticatorWindow = source.integer(
            "TOTP_WINDOW", 1, 0...2, "steps of 30 seconds by which a TOTP code may be early or late")
        trustedProxies = source.list(
            "TRUSTED_PROXIES",
            "addresses, ranges such as 10.0.0.0/8, or unix, whose X-Forwarded-For and traceparent are accepted; "
                + "none by default")
        connectionsPerNetwork = source.integer(
            "CONNECTIONS_PER_NETWORK", HTTPLimits().connectionsPerNetwork, 1...1_000_000,
            "open connections of one network, and behind TRUSTED_PROXIES the requests under way for one")
        subscriptionsPerCaller = source.integer(
            "SUBSCRIPTIONS_PER_CALLER", SubscriptionService.perCallerDefault, 1...1_000_000,
            "topics that one caller follows at once in a process, and readers of one topic without a credential")
        corsOrigins = source.list("CORS_ORIGINS", "allowed origins of browsers, separated by commas; none by default")
        baseURL = source.text("BASE_URL", "the URL of this service, and the issuer of its tokens") ?? ""
        frontendURL = source.webAddress(
            "FRONTEND_URL", "the URL of the pages that links in e-mails open, an allowed origin; BASE_URL by default")
        smtpHost = source.text(
            "SMTP_HOST",
            "the server that sends e-mails; without it they are written to DATA_DIR/mail, and in production not sent")
        smtpSecurity = source.choice(
            "SMTP_SECURITY", .starttls,
            "the encryption of the connection to SMTP_HOST; tls from the first byte, none only for localhost")
        smtpPort = source.integer(
            "SMTP_PORT", smtpSecurity == .tls ? 465 : 587, 1...65_535, "its port; 465 with SMTP_SECURITY=tls")
        smtpUser = source.text("SMTP_USER", "the user name at SMTP_HOST, if it requires one")
        smtpPassword = source.secret("SMTP_PASSWORD", "the password of SMTP_USER")
        smtpCAFile = source.text("SMTP_CA_FILE", "a PEM file of certificates to trust instead of the system's")
        fromEmail = source.text("FROM_EMAIL", "the sender address of e-mails; required with SMTP_HOST")
        fromName = source.text("FROM_NAME", "Gatehouse", "the sender name of e-mails")
        plansFile = source.text("PLANS_FILE", "a YAML file of plans instead of the built-in ones")
        redisURL = source.url(
            "REDIS_URL",
            "redis://[user:password@]host[:port][/database] or rediss://… for TLS; nodes share rates and signals through it; "
                + "none by default")
        redisCertificateAuthority = source.text(
            "REDIS_CA_FILE", "a PEM file of the authorities that sign its certificate; the system's by default")
        limitsRates = source.boolean("RATE_LIMIT_ENABLED", true, "whether rates are limited")
        anonymousRequests = source.integer(
            "VISITOR_RATE_LIMIT_REQUESTS", 300, 1...1_000_000, "requests a minute of one network without a credential")
        authenticationRequests = source.integer(
            "AUTH_RATE_LIMIT_REQUESTS", 10, 1...1_000_000,
            "sign-ins, registrations and the like of one network and for one account in a window")
        authenticationWindow = .seconds(
            source.integer("AUTH_RATE_LIMIT_WINDOW_SECONDS", 60, 1...86_400, "the length of that window"))
        metricsToken = source.secret(
            "METRICS_TOKEN", "the bearer token of /metrics; in production /metrics is refused without it")
        nodeName = source.text(
            "NODE_NAME",
            "the name of this process among those that share its database, the same after a restart; "
                + "host name and port by default")
        logLevel = source.choice("LOG_LEVEL", .info, "the lowest level that is logged")
        self.logFormat = source.choice(
            "LOG_FORMAT", logFormat, "the format of log lines", describedAs: "text on a terminal and json elsewhere")
        let collector = source.url(
            "OTEL_EXPORTER_OTLP_ENDPOINT", hidesPath: true,
            "the URL of a collector of OpenTelemetry, which gets traces at its /v1/traces as OTLP in JSON; none by default"
        )
        tracesEndpoint = collector.isEmpty ? nil : collector
        tracesHeaders = source.secret(
            "OTEL_EXPORTER_OTLP_HEADERS",
            "header fields of the requests to it, as NAME=VALUE separated by commas, with percent-encoded values")
        tracesServiceName = source.text("OTEL_SERVICE_NAME", "gatehouse", "the name of this service in traces")
        tracesSampledShare = source.share(
            "OTEL_TRACES_SAMPLER_ARG", 1,
            "the share of the traces beginning here that is recorded; those of a trusted proxy are where the proxy's is"
        )
        jobSlots = source.integer(
            "JOB_SLOTS", 2, 0...64,
            "trainings of networks that run at once in this process, beside as many short computations, at least two; "
                + "0 leaves all jobs to `gatehouse work`")
        jobLease = .seconds(
            source.integer(
                "JOB_LEASE_SECONDS", 30, 3...600, "seconds after which a job of a killed process is run again"))
        awsEndpointURL = source.url(
            "AWS_ENDPOINT_URL",
            "the URL of the services of AWS, such as a test server's; by default the hosts of AWS in production, and "
                + "none elsewhere: decisions then use built-in tables")
        stripeSecretKey = source.secret(
            "STRIPE_SECRET_KEY", "the secret key of Stripe's API; without it payments are answered with not-configured")
        stripePublishableKey = source.text(
            "STRIPE_PUBLISHABLE_KEY", "the key of Stripe that clients get, which confirm payments with it")
        stripeWebhookSecrets = source.secrets(
            "STRIPE_WEBHOOK_SECRET",
            "the signing secret of Stripe's webhooks, or several with commas while one is rotated; in production "
                + "required with STRIPE_SECRET_KEY")
        stripeAPIBase = source.webAddress(
            "STRIPE_API_BASE", "the URL of Stripe's API; https://api.stripe.com by default")
        var prices: [String: [String]] = [:]
        for plan in Self.plansWithStripePrices {
            let ids = source.list(
                "STRIPE_PRICE_\(plan.uppercased())",
                "the ids of Stripe's monthly and yearly prices of the plan \(plan) (price_…), for which the file of "
                    + "plans has no prices; without them it is not sold")
            if !ids.isEmpty { prices[plan] = ids }
        }
        stripePrices = prices
        stripePlatformCommission = source.share(
            "STRIPE_PLATFORM_COMMISSION", 0.1,
            "the share of a booked service's price that the platform keeps, and of what is paid for an event that its "
                + "organizer cancels; below 1, rounded to hundredths of a per cent")
        invoiceSellerName = source.text("INVOICE_SELLER_NAME", "Gatehouse", "the name of the seller on invoices")
        invoiceSellerAddress =
            source.text("INVOICE_SELLER_ADDRESS", "", "the seller's address, with a semicolon between its lines")
            .split(separator: ";").map { $0.trimmingCharacters(in: .whitespaces) }
        invoiceSellerTaxID = source.text("INVOICE_SELLER_TAX_ID", "the seller's number for taxes, such as a VAT number")
        anthropicKey = source.secret(
            "ANTHROPIC_API_KEY", "the key of Anthropic's Messages API, whose model is used where this is set")
        anthropicBaseURL =
            source.url("ANTHROPIC_BASE_URL", default: ModelUpstream.anthropicURL, "the URL of that API, without /v1")
        anthropicModel = source.text("ANTHROPIC_MODEL", "claude-sonnet-5", "the model that is used there")
        openAIKey = source.secret(
            "OPENAI_API_KEY", "the key of OpenAI's Chat Completions API, used where ANTHROPIC_API_KEY is not set")
        let openAIURL = source.url(
            "OPENAI_BASE_URL",
            "the URL of that API with its /v1, also of another service or server that has it and may need no key; "
                + "OpenAI's by default")
        openAIBaseURL = openAIURL.isEmpty ? nil : openAIURL
        openAIModel = source.text(
            "OPENAI_MODEL", "the model that is used there; required with OPENAI_API_KEY or OPENAI_BASE_URL")
        modelFallback = source.text(
            "MODEL_FALLBACK",
            "a second model, which workflows ask where the first one fails, and to verify answers; none by default")
        modelFallbackAPI = source.choice(
            "MODEL_FALLBACK_API", anthropicKey == nil ? .openAI : .anthropic,
            "the API that has it, with the key and the URL that are set for that API",
            describedAs: "the API of the first model")
        modelPrices = source.list(
            "MODEL_PRICES",
            "what models cost in US dollars for a million tokens, as NAME=PRICE separated by commas; for those of "
                + "OpenAI and Anthropic that the server has a price of, that one by default")
        assistantModels = source.list(
            "ASSISTANT_MODELS",
            "further models of the same API that clients of the assistant may name, separated by commas; none by "
                + "default")
        assistantUpstreamsFile = source.text(
            "ASSISTANT_UPSTREAMS_FILE",
            "a JSON file of several services for the assistant, with their weights and models (docs/modules/assistant.md); "
                + "by default the service that other products use")
        sessionTimeout = .seconds(
            source.integer(
                "SESSION_TIMEOUT", 3_600, 60...2_592_000,
                "seconds without traffic after which a session of the assistant is idle and not counted as active"))
        answerTokens = source.integer(
            "MAX_TOKENS", 4_096, 1...65_536, "tokens of an answer of the assistant where a client names no bound")
        maxFileSize = source.integer(
            "MAX_FILE_SIZE", 10_485_760, 1_024...104_857_600, "bytes of one file in the workspaces of the assistant")
        analyticsRetentionDays = source.integer(
            "ANALYTICS_RETENTION_DAYS", 30, 1...3_650, "days that the numbers of the assistant's use are kept for")
        contextTokens = source.integer(
            "CONTEXT_TOKENS", 200_000, 1_000...10_000_000,
            "about as many tokens as a conversation of the assistant may have with its answer, four bytes each; of a "
                + "longer session the model gets the instructions and the newest turns")
        summaryModel = source.text(
            "SUMMARY_MODEL",
            "the model of the assistant that summarises what is left out of a long session, for its later answers; none "
                + "by default")
        toolServerFolder = source.text(
            "MCP_CONFIG_DIR",
            "a folder with mcp-servers.json: the tool servers that run as processes of this machine, for every "
                + "organisation: in a sandbox of bubblewrap, which has to be there, without network; none by default")
        upiAddress = source.text("UPI_ID", "the virtual payment address that payments by UPI go to, such as shop@bank")
        upiMerchantName = source.text("UPI_MERCHANT_NAME", "the name that apps show with UPI_ID, which requires it")
        upiCallbackSecrets = source.secrets(
            "UPI_CALLBACK_SECRET",
            "the secret of the service that reports payments by UPI, whsec_ and base64, several separated by commas "
                + "while it is rotated; without it administrators confirm them")
        outboundPrivateNetworks = source.list(
            "OUTBOUND_PRIVATE_NETWORKS",
            "ranges such as 10.0.0.0/8 that requests to URLs of users may reach besides public addresses, or true for "
                + "the loopback and private ones; none by default, and refused in production")
        sandboxLogsRequireToken = source.boolean(
            "SANDBOX_LOGS_REQUIRE_TOKEN", false,
            "whether the log of a sandbox session needs its owner's credential besides the session's id")
        sandboxExpiryInterval = .minutes(
            Int64(
                source.integer(
                    "SANDBOX_EXPIRE_MINUTES", 5, 1...1_440, "minutes between two searches for expired sessions")))
        sandboxCountInterval = .minutes(
            Int64(
                source.integer(
                    "SANDBOX_COUNT_MINUTES", 10, 1...1_440, "minutes between two counts of the active sessions")))
        experimentArchiveCron = source.text(
            "EXPERIMENT_ARCHIVE_CRON", "0 2 * * *", "when experiments of more than 90 days are archived, in UTC")
        decisionEngineMode = source.choice(
            "DECISION_ENGINE_MODE", .test,
            "what POST /v1/evaluate decides about: TEST, one instance; PROD, a workload on a cluster in any pool")
        riskModelPath = source.text(
            "RISK_MODEL_PATH",
            "a risk model that `gatehouse risk train` wrote; by default the one that comes with the program")
        experimentalModelPath = source.text(
            "EXPERIMENTAL_MODEL_PATH",
            "the risk model of the version v2.2.0-beta of the lab; by default the one in production")
        crashProbabilityMax = source.share(
            "MAX_CRASH_PROBABILITY", 0.85, "the crash probability from which on a pool is not safe")
        interruptRateMax = source.share(
            "MAX_HISTORIC_INTERRUPT_RATE", 0.20, "the monthly rate of interruptions above which a pool is not used")
        workflowBudgetCents = source.integer(
            "WORKFLOW_BUDGET_CENTS", 1_000, 1...1_000_000,
            "the most that one workflow may cost, in cents of a US dollar; a submission may ask for less")
        workflowModelTimeout = .seconds(
            source.integer(
                "WORKFLOW_MODEL_TIMEOUT_SECONDS", 60, 1...600,
                "seconds that one call of a language model by a workflow may take"))
        runsWorkflowCommands = source.boolean(
            "WORKFLOW_COMMANDS", false,
            "whether workflows may run commands, for plans with the feature commands: in a sandbox of bubblewrap, which "
                + "has to be there, without network, and each after a person's consent")
        drainGrace = .seconds(
            source.integer(
                "DRAIN_GRACE", 2, 0...60, "seconds from SIGTERM, and 503 from /ready, until connections are refused"))
        shutdownTimeout = .seconds(
            source.integer(
                "SHUTDOWN_TIMEOUT", 8, 1...600, "seconds from SIGTERM until the process ends, whatever is running"))
        settings = source.settings
        given = source.given
    }

    /// The defaults.
    package init() {
        var source = SettingReader(Self.reader([:]))
        self.init(reading: &source, logFormat: .json)
    }

    /// - Parameter logFormat: the default of `LOG_FORMAT`.
    /// - Throws: ``ConfigurationFaults`` with every fault.
    init(reading values: ConfigReader, logFormat: LineLogHandler.Format = .json) throws {
        var source = SettingReader(values)
        self.init(reading: &source, logFormat: logFormat)
        let faults = source.faults + faults
        guard faults.isEmpty else { throw ConfigurationFaults(faults: faults) }
    }

    /// - Parameters:
    ///   - environment: values by name, in place of those of the process.
    ///   - logFormat: the default of `LOG_FORMAT`.
    /// - Throws: ``ConfigurationFaults`` with every fault.
    init(environment: [String: String], logFormat: LineLogHandler.Format = .json) throws {
        let all = environment.merging(ConfigurationAliases.settings(in: environment)) { own, _ in own }
        try self.init(reading: Self.reader(all.filter { !$0.value.isEmpty }), logFormat: logFormat)
        ignoredNames = ConfigurationAliases.ignored(among: environment.keys)
    }

    /// Reads the environment and `.env`.
    /// - Parameter overrides: the values of a command's flags, by the names of settings.
    /// - Throws: ``ConfigurationFaults`` with every fault.
    package static func load(overrides: [String: String] = [:]) async throws -> Configuration {
        let file = try await EnvironmentVariablesProvider(environmentFilePath: ".env", allowMissing: true)
        let given = EnvironmentFile().values.merging(ProcessInfo.processInfo.environment) { file, own in
            own.isEmpty ? file : own
        }
        var configuration = try Configuration(
            reading: ConfigReader(providers: [
                EnvironmentVariablesProvider(environmentVariables: overrides), EnvironmentVariablesProvider(), file,
                EnvironmentVariablesProvider(environmentVariables: ConfigurationAliases.settings(in: given)),
            ]), logFormat: LogOutput.isTerminal ? .text : .json)
        configuration.ignoredNames = ConfigurationAliases.ignored(among: given.keys)
        return configuration
    }

    private static func reader(_ environment: [String: String]) -> ConfigReader {
        ConfigReader(provider: EnvironmentVariablesProvider(environmentVariables: environment))
    }
}

// MARK: Faults

extension Configuration {
    /// Faults of one setting that its bounds do not say, and of settings that do not fit together.
    private var faults: [String] {
        var faults: [String] = []
        for entry in trustedProxies where TrustedProxies([entry]) == nil {
            faults.append("TRUSTED_PROXIES: '\(entry)' is no address, no range such as 10.0.0.0/8, and not unix")
        }
        if let fault = EncryptionKeys.fault(of: encryptionKey) { faults.append("ENCRYPTION_KEY: \(fault)") }
        if jwtAlgorithm == .hs256, !jwtSecret.isEmpty, jwtSecret.count < 32 {
            faults.append("JWT_SECRET: has fewer than 32 characters")
        }
        if !["sqlite:", "postgresql://", "postgres://"].contains(where: databaseURL.hasPrefix) {
            faults.append("DATABASE_URL: begins with sqlite: or postgresql://")
        }
        for (name, path) in [("RISK_MODEL_PATH", riskModelPath), ("EXPERIMENTAL_MODEL_PATH", experimentalModelPath)] {
            guard let path else { continue }
            do throws(RiskModelFault) { _ = try RiskModel(contentsOf: path) } catch {
                faults.append("\(name): \(error)")
            }
        }
        if !awsEndpointURL.isEmpty {
            do throws(AWSEndpoint.ParseError) { _ = try AWSEndpoint(url: awsEndpointURL) } catch {
                faults.append("AWS_ENDPOINT_URL: \(error)")
            }
        }
        faults += modelFaults
        faults += upiFaults
        faults += traceFaults
        do throws(AddressPolicy.ParseError) {
            _ = try AddressPolicy(privateNetworks: outboundPrivateNetworks)
        } catch {
            faults.append("OUTBOUND_PRIVATE_NETWORKS: \(error)")
        }
        do throws(CronFault) { _ = try CronExpression(experimentArchiveCron, timeZone: "UTC") } catch {
            faults.append("EXPERIMENT_ARCHIVE_CRON: \(error)")
        }
        if drainGrace >= shutdownTimeout { faults.append("DRAIN_GRACE: is shorter than SHUTDOWN_TIMEOUT") }
        if certificateFiles != nil, baseURL.hasPrefix("http://") {
            faults.append("BASE_URL: begins with https:// with TLS_CERT: the port then serves no other requests")
        }
        faults += mailFaults
        faults += stripeFaults
        if !redisURL.isEmpty {
            do throws(RedisAddress.ParseError) { _ = try RedisAddress(redisURL) } catch {
                faults.append("REDIS_URL: \(error)")
            }
        }
        if environment == .production { faults += productionFaults }
        return faults
    }

    /// What would keep e-mails from being sent. Outside of production a missing server is no fault.
    private var mailFaults: [String] {
        var faults: [String] = []
        if smtpHost != nil {
            if fromEmail == nil { faults.append("FROM_EMAIL: is required with SMTP_HOST") }
            if smtpUser != nil, smtpPassword == nil { faults.append("SMTP_PASSWORD: is required with SMTP_USER") }
            if smtpUser == nil, smtpPassword != nil { faults.append("SMTP_USER: is required with SMTP_PASSWORD") }
        } else if environment == .production {
            let given = [
                ("SMTP_USER", smtpUser), ("SMTP_PASSWORD", smtpPassword), ("SMTP_CA_FILE", smtpCAFile),
                ("FROM_EMAIL", fromEmail),
            ]
            if let (name, _) = given.first(where: { $0.1 != nil }) {
                faults.append("SMTP_HOST: is required with \(name)")
            }
        }
        if let host = smtpHost, smtpSecurity == .none, !["localhost", "127.0.0.1", "::1"].contains(host.lowercased()) {
            faults.append("SMTP_SECURITY: 'none' is only for a server on localhost, not for '\(host)'")
        }
        if let host = smtpHost, !host.utf8.allSatisfy({ Self.hostBytes.contains($0) }) {
            faults.append("SMTP_HOST: is a name or an address, without a port")
        }
        if let address = fromEmail, (try? Mailbox(address)) == nil {
            faults.append("FROM_EMAIL: '\(address)' is not an e-mail address")
        }
        if fromName.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) {
            faults.append("FROM_NAME: holds a control character")
        }
        if let file = smtpCAFile, !FileManager.default.isReadableFile(atPath: file) {
            faults.append("SMTP_CA_FILE: '\(file)' cannot be read")
        }
        return faults
    }

    /// The built-in plans whose prices are at the provider.
    private static let plansWithStripePrices = ["basic", "pro", "premium"]

    /// What would keep payments from working, or would move money where none is to be moved.
    private var stripeFaults: [String] {
        var faults: [String] = []
        if stripePlatformCommission > 0.9999 { faults.append("STRIPE_PLATFORM_COMMISSION: is less than 1") }
        if environment == .production, stripeAPIBase.hasPrefix("http://") {
            faults.append("STRIPE_API_BASE: begins with https:// in production")
        }
        let mode = stripeSecretKey.flatMap { StripeKeyMode(key: $0) }
        if let key = stripeSecretKey {
            switch (mode, environment) {
            case (.test, .production): faults.append("STRIPE_SECRET_KEY: is a key of the test mode, in production")
            case (.live, .development), (.live, .test):
                faults.append("STRIPE_SECRET_KEY: is a key that moves money, with ENVIRONMENT=\(environment.rawValue)")
            case (nil, _) where environment == .production || stripeAPIBase.isEmpty:
                faults.append("STRIPE_SECRET_KEY: is no secret key of Stripe (sk_live_… or sk_test_…)")
            case (nil, _), (.test, _), (.live, .production): break
            }
            if key.hasPrefix("pk_") { faults.append("STRIPE_SECRET_KEY: is a publishable key") }
            if Self.isPlaceholder(key) { faults.append("STRIPE_SECRET_KEY: is a placeholder of a template") }
        }
        if let key = stripePublishableKey, stripeSecretKey != nil,
            mode != StripeKeyMode(key: key) || key.hasPrefix("sk_")
        {
            faults.append("STRIPE_PUBLISHABLE_KEY: is the publishable key of the same mode as STRIPE_SECRET_KEY")
        }
        for (plan, ids) in stripePrices.sorted(by: { $0.key < $1.key }) where !ids.allSatisfy(Self.isPriceID) {
            faults.append("STRIPE_PRICE_\(plan.uppercased()): has ids of Stripe's prices, such as price_1A2b3C")
        }
        guard environment == .production else { return faults }
        if stripeSecretKey != nil, stripeWebhookSecrets.isEmpty {
            faults.append("STRIPE_WEBHOOK_SECRET: is required in production with STRIPE_SECRET_KEY")
        }
        if stripeSecretKey == nil {
            let given = [
                ("STRIPE_WEBHOOK_SECRET", !stripeWebhookSecrets.isEmpty),
                ("STRIPE_PUBLISHABLE_KEY", stripePublishableKey != nil), ("STRIPE_API_BASE", !stripeAPIBase.isEmpty),
                ("STRIPE_PRICE_…", !stripePrices.isEmpty),
            ]
            if let (name, _) = given.first(where: \.1) {
                faults.append("STRIPE_SECRET_KEY: is required with \(name)")
            }
        }
        for secret in stripeWebhookSecrets where secret.count < 16 || Self.isPlaceholder(secret) {
            faults.append("STRIPE_WEBHOOK_SECRET: is a placeholder of a template, or has fewer than 16 characters")
        }
        return faults
    }

    private static func isPriceID(_ text: String) -> Bool { text.wholeMatch(of: /price_[A-Za-z0-9_]{1,240}/) != nil }

    /// The bytes of host names and addresses; none of them ends the host of a URL.
    private static let hostBytes = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:".utf8)

    private var productionFaults: [String] {
        var faults: [String] = []
        if secretKey.isEmpty {
            faults.append("SECRET_KEY: is required in production; `openssl rand -base64 48` makes one")
        } else if let weakness = Self.weakness(of: secretKey) {
            faults.append("SECRET_KEY: \(weakness)")
        }
        if !encryptionKey.isEmpty, let weakness = Self.weakness(of: encryptionKey) {
            faults.append("ENCRYPTION_KEY: \(weakness)")
        }
        if jwtAlgorithm != .hs256, Self.isPlaceholder(jwtSecret) {
            faults.append("JWT_SECRET: is a placeholder of a template")
        }
        if jwtAlgorithm == .hs256 {
            if jwtSecret.isEmpty {
                faults.append("JWT_SECRET: is required with JWT_ALGORITHM=HS256; `openssl rand -base64 48` makes one")
            } else if jwtSecret.count >= 32, let weakness = Self.weakness(of: jwtSecret) {
                faults.append("JWT_SECRET: \(weakness)")
            }
        }
        if corsOrigins.contains("*") {
            faults.append("CORS_ORIGINS: '*' is not accepted in production; name the origins")
        }
        if !outboundPrivateNetworks.isEmpty {
            faults.append("OUTBOUND_PRIVATE_NETWORKS: is not accepted in production")
        }
        if bcryptRounds < 10 { faults.append("BCRYPT_ROUNDS: is below 10") }
        if baseURL.isEmpty { faults.append("BASE_URL: is required in production: tokens name it as their issuer") }
        return faults
    }

    private static func weakness(of secret: String) -> String? {
        let wellKnown = ["changeme", "secret", "password", "your-secret-key", "development", "gatehouse"]
        if secret.count < 32 { return "has fewer than 32 characters" }
        if isPlaceholder(secret) { return "is a placeholder of a template, or a well-known default" }
        return wellKnown.contains { secret.lowercased().hasPrefix($0) } || Set(secret).count < 8
            ? "is a well-known default or too regular" : nil
    }
}

extension Configuration {
    /// Words of placeholders in templates, wherever they stand, with `-` for every separator. A random secret does not
    /// hold them.
    private static let placeholderWords = [
        "supersecret", "super-secret", "changeme", "change-me", "change-this", "change-it", "in-production",
        "your-secret", "your-jwt", "your-key", "your-stripe", "your-live", "your-test", "your-encryption", "your-own",
        "your-32", "my-secret", "secret-key",
        "default-secret", "placeholder", "generate", "replace-me", "replace-this", "replace-with", "insecure",
        "not-secure", "openssl-rand",
    ]

    private static func isPlaceholder(_ secret: String) -> Bool {
        let text = String(secret.lowercased().map { $0.isLetter || $0.isNumber ? $0 : "-" })
        return placeholderWords.contains { text.contains($0) } || text.contains(/change.*production/)
    }
}

/// Every fault of a configuration.
package struct ConfigurationFaults: Error, CustomStringConvertible {
    package let faults: [String]
    package var description: String {
        "The configuration is not usable:\n" + faults.map { "  - \($0)" }.joined(separator: "\n")
    }
}
