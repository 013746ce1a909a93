// libmicrohttpd: HTTP/1.1 for the edge. Debian: libmicrohttpd-dev.
#ifndef MILLRACE_CMICROHTTPD_H
#define MILLRACE_CMICROHTTPD_H

#include <microhttpd.h>

// The library's variadic functions, which Swift does not import, each with the arguments that the edge uses.

struct millrace_mhd_settings {
  const struct sockaddr *address;
  MHD_AcceptPolicyCallback accept;
  MHD_AccessHandlerCallback access;
  MHD_RequestCompletedCallback completed;
  MHD_NotifyConnectionCallback connection;
  void *context;
  unsigned int threads;
  unsigned int connections_max;
  unsigned int connections_per_ip_max;
  unsigned int idle_seconds;
  size_t connection_memory_bytes;
};

// The escapes of a target are decoded once, by the router: a path may hold an escaped slash.
static size_t millrace_mhd_keep_escapes(void *context, struct MHD_Connection *connection, char *text) {
  (void)context;
  (void)connection;
  size_t length = 0;
  while (text[length] != 0) length++;
  return length;
}

// Called with the request's target as it came, before anything else; what it returns becomes the request's context.
typedef void *(*millrace_mhd_target)(void *context, const char *target, struct MHD_Connection *connection);

static inline struct MHD_Daemon *millrace_mhd_start(const struct millrace_mhd_settings *settings,
                                                    millrace_mhd_target target) {
  unsigned int flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TURBO | MHD_ALLOW_UPGRADE | MHD_ALLOW_SUSPEND_RESUME;
  if (settings->address->sa_family == 10 /* AF_INET6 */) flags |= MHD_USE_IPv6;
  return MHD_start_daemon(
      flags, 0, settings->accept, settings->context, settings->access, settings->context,
      MHD_OPTION_SOCK_ADDR, settings->address,
      MHD_OPTION_THREAD_POOL_SIZE, settings->threads,
      MHD_OPTION_CONNECTION_LIMIT, settings->connections_max,
      MHD_OPTION_PER_IP_CONNECTION_LIMIT, settings->connections_per_ip_max,
      MHD_OPTION_CONNECTION_TIMEOUT, settings->idle_seconds,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, settings->connection_memory_bytes,
      MHD_OPTION_STRICT_FOR_CLIENT, 1,
      MHD_OPTION_LISTEN_BACKLOG_SIZE, 4096U,
      MHD_OPTION_NOTIFY_COMPLETED, settings->completed, settings->context,
      MHD_OPTION_NOTIFY_CONNECTION, settings->connection, settings->context,
      MHD_OPTION_URI_LOG_CALLBACK, target, settings->context,
      MHD_OPTION_UNESCAPE_CALLBACK, millrace_mhd_keep_escapes, NULL,
      MHD_OPTION_END);
}

static inline unsigned int millrace_mhd_bound_port(struct MHD_Daemon *daemon) {
  const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
  return info == NULL ? 0 : info->port;
}

static inline int millrace_mhd_descriptor(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  return info == NULL ? -1 : info->connect_fd;
}

static inline const struct sockaddr *millrace_mhd_peer(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  return info == NULL ? NULL : info->client_addr;
}

static inline void millrace_mhd_upgrade_close(struct MHD_UpgradeResponseHandle *handle) {
  MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
}

#endif
