# Configure GeoServer's Tomcat, which no variable of the image does, then start it as the image does.
# What an image has elsewhere, or in other words, stays as it is.
set -u

# Tomcat closes a connection that was idle for 20 seconds (connectionTimeout, which keepAliveTimeout
# defaults to). A load balancer that sends a request on it in that moment returns 502.
for file in "$CATALINA_HOME/conf/server.xml" "${CONFIG_DIR:-/opt/config}/server.xml"; do
  if [ -f "$file" ]; then
    sed -i "s/connectionTimeout=\"20000\"/& keepAliveTimeout=\"${KEEP_ALIVE_SECONDS}000\"/" "$file"
  fi
done

# GeoServer reports WMS exceptions with status 200, too, so a cache must not keep what has no
# Cache-Control. Images get one here, unless the layer's "Response Cache Headers" give one
# (Tomcat, "Container Provided Filters", Expires Filter).
file="$CATALINA_HOME/webapps/geoserver/WEB-INF/web.xml"
if [ -f "$file" ] && ! grep -q OtakaroExpires "$file"; then
  sed -i "s|</web-app>|\
<filter><filter-name>OtakaroExpires</filter-name>\
<filter-class>org.apache.catalina.filters.ExpiresFilter</filter-class>\
<init-param><param-name>ExpiresByType image</param-name>\
<param-value>access plus $TILE_SECONDS seconds</param-value></init-param></filter>\
<filter-mapping><filter-name>OtakaroExpires</filter-name><url-pattern>/*</url-pattern>\
<dispatcher>REQUEST</dispatcher></filter-mapping>&|" "$file"
fi

exec /opt/startup.sh
