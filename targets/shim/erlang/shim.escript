#!/usr/bin/env escript
%%! +sbwt none +sbwtdcpu none +sbwtdio none
%%
%% Erlang/OTP's ssl, in both roles: the contract is in targets/README.md. Every verdict is OTP's own.
%%
%% Every connection has a process of its own, so that a silent one holds up nobody. Busy waiting is switched off above: there
%% are other programs on the machine.

-mode(compile).

%% The records of public_key.hrl that are looked into, in short: Debian has that file in another, large package.
-record('OTPCertificate', {tbs, algorithm, signature}).
-record('OTPTBSCertificate', {version, serial, signature, issuer, validity, subject, key, issuer_id, subject_id, extensions}).
-record('TBSCertList', {version, signature, issuer, this_update, next_update, revoked, extensions}).
-record('Extension', {id, critical, value}).
-record('AttributeTypeAndValue', {type, value}).
-define(SUBJECT_ALT_NAME, {2, 5, 29, 17}).
-define(ISSUING_POINT, {2, 5, 29, 28}).
-define(COMMON_NAME, {2, 5, 4, 3}).

-define(UNSUPPORTED, 89).
-define(QUESTION, <<"who goes there?\n">>).
-define(ANSWER, <<"a friend\n">>).

main(["--version"]) ->
    {ok, _} = application:ensure_all_started(ssl),
    {ok, Version} = application:get_key(ssl, vsn),
    io:format("Erlang/OTP ~s, ssl ~s~n", [erlang:system_info(otp_release), Version]);
main(_) ->
    log_to_standard_error(),
    {ok, _} = application:ensure_all_started(ssl),
    Role = required("GAUNTLET_ROLE"),
    refuse_the_impossible(Role),
    case configure(Role) of
        {ok, Options} -> start(Role, Options);
        {error, Reason} ->
            say("refused-to-start", [{"reason", Reason}]),
            halt(1)
    end.

start(Role, Options) ->
    persistent_term:put(options, Options),
    Role =:= "server" andalso listen(),
    say("ready", []),
    obey(Role).

%% Standard output belongs to the events.
log_to_standard_error() ->
    logger:remove_handler(default),
    logger:add_handler(errors, logger_std_h, #{config => #{type => standard_error}}).

%% --- Settings ------------------------------------------------------------------------------------------------------

setting(Name) ->
    case os:getenv(Name) of
        false -> none;
        "" -> none;
        Value -> Value
    end.

required(Name) ->
    case setting(Name) of
        none ->
            io:format(standard_error, "~s is not set; this program is started by mtls-gauntlet~n", [Name]),
            halt(2);
        Value -> Value
    end.

refuse_the_impossible(Role) ->
    Revocation = setting("GAUNTLET_REVOCATION"),
    Allows = fun(Name) -> Revocation =/= "none" andalso setting(Name) =:= "allow" end,
    Expects = case Role of
        "client" -> inet:parse_strict_address(required("GAUNTLET_SERVER_NAME"));
        "server" -> nothing
    end,
    Why = case {Allows("GAUNTLET_EXPIRED_CRL"), Allows("GAUNTLET_UNKNOWN_STATUS"), Expects} of
        {true, _, _} -> "ssl uses no expired lists";
        {_, true, _} when Revocation =:= "end-entity" -> "ssl accepts an unknown status for the whole chain only";
        {_, _, {ok, Address}} when Address =/= {127, 0, 0, 1} ->
            "ssl expects no IP address but the one that it connects to";
        _ -> none
    end,
    case Why of
        none -> ok;
        _ ->
            io:format(standard_error, "~s~n", [Why]),
            halt(?UNSUPPORTED)
    end.

%% Reads the files. They are handed to ssl decoded, so that its cache of PEM files cannot hold on to old ones.
configure(Role) ->
    try
        Options = [
            {mode, binary}, {active, false},
            {versions, versions()},
            {cert, chain()},
            {key, key()},
            {cacerts, pem("GAUNTLET_TRUST", 'Certificate')},
            {crl_check, crl_check()},
            {crl_cache, {ssl_crl_cache, {internal, []}}}
            | role_options(Role)],
        Lists = crls(),
        check(Role, Options),
        replace_crls(Lists),
        {ok, Options}
    catch
        throw:Reason -> {error, Reason}
    end.

versions() ->
    ['tlsv1.3' || setting("GAUNTLET_MAX_TLS") =/= "1.2"] ++ ['tlsv1.2' || setting("GAUNTLET_MIN_TLS") =/= "1.3"].

role_options("server") ->
    Verify = case setting("GAUNTLET_CLIENT_AUTH") of
        "none" -> [{verify, verify_none}];
        "optional" -> [{verify, verify_peer}, {fail_if_no_peer_cert, false}];
        _ -> [{verify, verify_peer}, {fail_if_no_peer_cert, true}]
    end,
    Verify ++ no_resumption() ++ [{alpn_preferred_protocols, Names} || Names <- alpn()];
role_options("client") ->
    %% Without the function, OTP takes no wildcard; its manual says to set it.
    Match = public_key:pkix_verify_hostname_match_fun(https),
    [{verify, verify_peer}, {customize_hostname_check, [{match_fun, Match}]}] ++
        no_resumption() ++
        [{alpn_advertised_protocols, Names} || Names <- alpn()].

%% TLS 1.3 has no tickets here unless they are switched on, and then this option is an error.
no_resumption() ->
    [{reuse_sessions, false} || lists:member('tlsv1.2', versions())].

alpn() ->
    case setting("GAUNTLET_ALPN") of
        none -> [];
        Names -> [[list_to_binary(Name) || Name <- string:tokens(Names, ",")]]
    end.

crl_check() ->
    case {setting("GAUNTLET_REVOCATION"), setting("GAUNTLET_UNKNOWN_STATUS")} of
        {"chain", "allow"} -> best_effort;
        {"chain", _} -> true;
        {"end-entity", _} -> peer;
        _ -> false
    end.

%% Listening makes ssl look at the options of a server. Those of a client it looks at when it connects.
check("client", _) -> ok;
check("server", Options) ->
    case ssl:listen(0, [{ip, {127, 0, 0, 1}} | Options]) of
        {ok, Listener} -> ssl:close(Listener);
        {error, Reason} -> throw(words(Reason))
    end.

pem(Name, Type) ->
    File = required(Name),
    case file:read_file(File) of
        {ok, Text} -> [Der || {Found, Der, not_encrypted} <- decoded(Name, Text), Found =:= Type];
        {error, Reason} -> throw(File ++ ": " ++ file:format_error(Reason))
    end.

decoded(Name, Text) ->
    try public_key:pem_decode(Text)
    catch _:_ -> throw("it cannot read the PEM of " ++ Name)
    end.

chain() ->
    case pem("GAUNTLET_CHAIN", 'Certificate') of
        [] -> throw("there is no certificate");
        Chain -> Chain
    end.

key() ->
    case pem("GAUNTLET_KEY", 'PrivateKeyInfo') of
        [Der | _] -> {'PrivateKeyInfo', Der};
        [] -> throw("there is no private key")
    end.

%% The cache takes anything and falls apart over what is no list, so that is looked at here.
crls() ->
    Lists = case crl_check() =:= false orelse setting("GAUNTLET_CRL") =:= none of
        true -> [];
        false -> pem("GAUNTLET_CRL", 'CertificateList')
    end,
    try [public_key:der_decode('CertificateList', Der) || Der <- Lists] of
        _ -> Lists
    catch
        _:_ -> throw("a revocation list cannot be decoded")
    end.

%% The lists are in a cache that all connections share. Where a certificate names a distribution point, OTP looks a list up
%% by that, so partitions go in under the names that they carry themselves.
replace_crls(New) ->
    {OldLists, OldPoints} = persistent_term:get(crls, {[], []}),
    [ssl_crl_cache:delete(Uri) || Uri <- OldPoints],
    OldLists =/= [] andalso ssl_crl_cache:delete({der, OldLists}),
    Named = [{Uri, Der} || Der <- New, "http://" ++ _ = Uri <- points(Der)],
    Points = lists:usort([Uri || {Uri, _} <- Named]),
    New =/= [] andalso ssl_crl_cache:insert({der, New}),
    [ssl_crl_cache:insert(Uri, {der, [Der || {Of, Der} <- Named, Of =:= Uri]}) || Uri <- Points],
    persistent_term:put(crls, {New, Points}).

points(Der) ->
    {'CertificateList', List, _, _} = public_key:der_decode('CertificateList', Der),
    case List#'TBSCertList'.extensions of
        asn1_NOVALUE -> [];
        Extensions ->
            lists:append([full_names(Value) || #'Extension'{id = ?ISSUING_POINT, value = Value} <- Extensions])
    end.

full_names(Value) ->
    try element(2, public_key:der_decode('IssuingDistributionPoint', Value)) of
        {fullName, Names} -> [Uri || {uniformResourceIdentifier, Uri} <- Names];
        _ -> []
    catch
        _:_ -> []
    end.

%% --- Connections ---------------------------------------------------------------------------------------------------

listen() ->
    [Host, Port] = string:split(required("GAUNTLET_LISTEN"), ":"),
    {ok, Address} = inet:parse_address(Host),
    Options = [binary, {active, false}, {ip, Address}, {reuseaddr, true}, {backlog, 4096}, {nodelay, true}],
    case gen_tcp:listen(list_to_integer(Port), Options) of
        {ok, Listener} -> spawn_link(fun() -> accept(Listener) end);
        {error, Reason} ->
            io:format(standard_error, "cannot listen: ~s~n", [inet:format_error(Reason)]),
            halt(1)
    end.

accept(Listener) ->
    case gen_tcp:accept(Listener) of
        {ok, Socket} ->
            Server = spawn(fun() -> receive go -> serve(Socket) end end),
            %% A socket that is closed already is told by the handshake.
            gen_tcp:controlling_process(Socket, Server),
            Server ! go;
        {error, _} ->
            timer:sleep(10)
    end,
    accept(Listener).

serve(Socket) ->
    case inet:peername(Socket) of
        {ok, {Host, Port}} ->
            Connection = inet:ntoa(Host) ++ ":" ++ integer_to_list(Port),
            converse(Connection, fun() -> ssl:handshake(Socket, persistent_term:get(options), deadline()) end,
                     fun answer/2);
        {error, _} -> gen_tcp:close(Socket)
    end.

connect(Connection) ->
    [Host, Port] = string:split(Connection, ":"),
    {ok, Address} = inet:parse_address(Host),
    Name = required("GAUNTLET_SERVER_NAME"),
    converse(Connection, fun() -> connect(Address, list_to_integer(Port), Name) end, fun ask/2).

%% An address is expected by connecting to it; a name is told apart.
connect(Address, Port, Name) ->
    Options = persistent_term:get(options),
    case inet:parse_strict_address(Name) of
        {ok, _} -> ssl:connect(Address, Port, [{nodelay, true} | Options], deadline());
        {error, _} ->
            case gen_tcp:connect(Address, Port, [binary, {active, false}, {nodelay, true}], deadline()) of
                {ok, Socket} -> ssl:connect(Socket, [{server_name_indication, Name} | Options], deadline());
                Error -> Error
            end
    end.

deadline() ->
    case setting("GAUNTLET_HANDSHAKE_DEADLINE_MS") of
        none -> 10000;
        Milliseconds -> list_to_integer(Milliseconds)
    end.

converse(Connection, Handshake, Exchange) ->
    try Handshake() of
        {ok, Session} ->
            say("accepted", [{"connection", Connection}, {"identity", identity(Session)}]),
            Exchange(Session, Connection),
            %% This says good-bye, and waits for the peer's before it closes the socket.
            ssl:close(Session);
        {error, Reason} ->
            say("refused", [{"connection", Connection}, {"reason", words(Reason)} | alert(Reason)])
    catch
        exit:Reason -> say("refused", [{"connection", Connection}, {"reason", words(Reason)}])
    after
        say("closed", [{"connection", Connection}])
    end.

answer(Session, Connection) ->
    case hear(Session, Connection, ?QUESTION) of
        true -> ssl:send(Session, ?ANSWER);
        false -> ok
    end.

ask(Session, Connection) ->
    case ssl:send(Session, ?QUESTION) of
        ok -> hear(Session, Connection, ?ANSWER);
        {error, _} -> false
    end.

%% The first octets are already application data of the peer; the rest of the line may be late.
hear(Session, Connection, Line) ->
    case ssl:recv(Session, 0) of
        {ok, Octets} ->
            say("data", [{"connection", Connection}]),
            hear_rest(Session, Octets, Line);
        {error, _} -> false
    end.

hear_rest(_, Heard, Line) when byte_size(Heard) >= byte_size(Line) -> Heard =:= Line;
hear_rest(Session, Heard, Line) ->
    case ssl:recv(Session, 0) of
        {ok, Octets} -> hear_rest(Session, <<Heard/binary, Octets/binary>>, Line);
        {error, _} -> false
    end.

identity(Session) ->
    case ssl:peercert(Session) of
        {ok, Der} ->
            Certificate = (public_key:pkix_decode_cert(Der, otp))#'OTPCertificate'.tbs,
            Names = names(Certificate#'OTPTBSCertificate'.extensions),
            Ids = [Uri || {uniformResourceIdentifier, "spiffe://" ++ _ = Uri} <- Names],
            Hosts = [Host || {dNSName, Host} <- Names],
            hd(Ids ++ Hosts ++ [subject(Certificate#'OTPTBSCertificate'.subject)]);
        {error, no_peercert} -> null
    end.

names(asn1_NOVALUE) -> [];
names(Extensions) ->
    lists:append([Names || #'Extension'{id = ?SUBJECT_ALT_NAME, value = Names} <- Extensions,
                           is_list(Names)]).

subject({rdnSequence, Sequence}) ->
    Common = [Value || Set <- Sequence, #'AttributeTypeAndValue'{type = ?COMMON_NAME, value = Value} <- Set],
    case Common of
        [{_, Name} | _] -> "CN=" ++ unicode:characters_to_list(Name);
        _ -> lists:flatten(io_lib:format("~0tp", [Sequence]))
    end.

%% --- Commands ------------------------------------------------------------------------------------------------------

obey(Role) ->
    case io:get_line("") of
        Line when is_list(Line) -> obey(Role, string:trim(Line)), obey(Role);
        _ -> halt(0)
    end.

obey(Role, "reload") ->
    case configure(Role) of
        {ok, Options} ->
            persistent_term:put(options, Options),
            say("reloaded", []);
        {error, Reason} -> say("reload-failed", [{"reason", Reason}])
    end;
obey("client", "connect " ++ Address) -> spawn(fun() -> connect(Address) end);
obey(_, "") -> ok;
obey(_, Line) -> io:format(standard_error, "there is no command '~ts'~n", [Line]).

%% --- Events --------------------------------------------------------------------------------------------------------

%% The text tells who is at fault in words alone; only `generated` means that the alert is ours.
alert({tls_alert, {Name, Words}}) ->
    case {string:find(Words, " generated "), number(Name)} of
        {nomatch, _} -> [];
        {_, unknown} -> [];
        {_, Number} -> [{"alert", Number}]
    end;
alert(_) -> [].

number(close_notify) -> 0;
number(unexpected_message) -> 10;
number(bad_record_mac) -> 20;
number(record_overflow) -> 22;
number(handshake_failure) -> 40;
number(bad_certificate) -> 42;
number(unsupported_certificate) -> 43;
number(certificate_revoked) -> 44;
number(certificate_expired) -> 45;
number(certificate_unknown) -> 46;
number(illegal_parameter) -> 47;
number(unknown_ca) -> 48;
number(access_denied) -> 49;
number(decode_error) -> 50;
number(decrypt_error) -> 51;
number(protocol_version) -> 70;
number(insufficient_security) -> 71;
number(internal_error) -> 80;
number(inappropriate_fallback) -> 86;
number(missing_extension) -> 109;
number(unsupported_extension) -> 110;
number(unrecognized_name) -> 112;
number(bad_certificate_status_response) -> 113;
number(certificate_required) -> 116;
number(no_application_protocol) -> 120;
number(_) -> unknown.

words({tls_alert, {_, Words}}) -> words(Words);
words(Words) ->
    Text = case io_lib:printable_unicode_list(Words) of
        true -> Words;
        false -> lists:flatten(io_lib:format("~0tp", [Words]))
    end,
    string:slice(Text, 0, 250).

say(Event, Fields) ->
    Body = lists:join(",", [[string_of(Key), ":", value(Value)] || {Key, Value} <- [{"event", Event} | Fields]]),
    io:put_chars(["{", Body, "}\n"]).

value(null) -> "null";
value(Number) when is_integer(Number) -> integer_to_list(Number);
value(Text) -> string_of(Text).

%% A JSON string of ASCII alone: the names are the peer's and may hold anything.
string_of(Text) -> ["\"", [escaped(Character) || Character <- Text], "\""].

escaped($") -> "\\\"";
escaped($\\) -> "\\\\";
escaped(Character) when Character >= 16#20, Character < 16#7f -> Character;
escaped(Character) when Character =< 16#ffff -> io_lib:format("\\u~4.16.0b", [Character]);
escaped(Character) ->
    Rest = Character - 16#10000,
    [escaped(16#d800 + (Rest bsr 10)), escaped(16#dc00 + (Rest band 16#3ff))].
